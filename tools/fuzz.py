"""Fuzz every parser that reads what others wrote, guided by coverage (``make fuzz``).

    python -m tools.fuzz [--seconds 60] [--target NAME]... [--write]

The targets are those of tests/fuzz; atheris (libFuzzer) makes the inputs. One target runs at a time, in a process of
its own, at the lowest priority. What the parser does with an input is a finding unless it accepts it or raises an
error that is an answer; so is an input that takes more than 20 s, or memory out of proportion. The smallest input of
each finding is left in build/fuzz/TARGET/findings; inputs that reach something new are kept for the next run.
``--write`` puts the rows of these targets into docs/development/fuzzing.md. The exit status is 1 if there are findings.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "build" / "fuzz"
PAGE = ROOT / "docs" / "development" / "fuzzing.md"
BEGIN, END = "<!-- table: written by make fuzz -->", "<!-- end of the table -->"
_HEAD = """\
| target | inputs | seconds | edges | findings | date | commit |
| --- | ---: | ---: | ---: | ---: | --- | --- |
"""
_HANG = 20
"""seconds for one input"""
_LATE = 60
"""seconds that a fuzzer may take to start and to end"""
_INSTRUMENTED = ["grocker", "packaging", "tomllib", "configparser", "zipfile", "tarfile", "email"]


@dataclass(frozen=True)
class Row:
    """What one run of one target did."""

    name: str
    inputs: int
    seconds: int
    edges: int
    findings: int
    date: str
    commit: str

    def __str__(self) -> str:
        cells = (self.name, f"{self.inputs:,}", self.seconds, self.edges, self.findings, self.date, self.commit)
        return "| " + " | ".join(map(str, cells)) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description="Fuzz every parser that reads what others wrote.")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--target", action="append", metavar="NAME", help="this one; may be repeated")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    commit = _commit()
    instrument()
    from tests.fuzz.target import scratch
    from tests.fuzz.targets import TARGETS

    for name in options.target or ():
        if name not in TARGETS:
            parser.error(f"unknown target {name!r}; there are {', '.join(TARGETS)}")
    rows = []
    for name in options.target or TARGETS:
        rows.append(run(name, options.seconds, commit))
        print(rows[-1], flush=True)
    shutil.rmtree(scratch(), ignore_errors=True)  # atexit does not run, see below
    if options.write:
        PAGE.write_text(insert(PAGE.read_text("utf-8"), {row.name: str(row) for row in rows}, list(TARGETS)), "utf-8")
    return 1 if any(row.findings for row in rows) else 0


def run(name: str, seconds: int, commit: str) -> Row:
    """Fuzz one target in a process of its own, and show its findings. ``commit``: of the code that is loaded."""
    place = PLACE / name
    findings = place / "findings"
    findings.mkdir(parents=True, exist_ok=True)
    for old in findings.iterdir():
        old.unlink()
    process = multiprocessing.get_context("fork").Process(target=fuzz, args=(name, seconds))
    process.start()
    process.join(seconds + _LATE + _HANG)
    process.kill()
    text = (place / "log").read_text("utf-8", "replace")
    found = sorted(path for path in findings.iterdir() if path.suffix != ".txt")
    for path in found:
        about = path.with_suffix(".txt")
        print(
            f"{name}: {path.relative_to(ROOT)}: {about.read_text('utf-8') if about.exists() else ''}", file=sys.stderr
        )
    inputs = [int(count) for count in re.findall(r"^#(\d+)", text, re.MULTILINE)]
    edges = [int(count) for count in re.findall(r" cov: (\d+)", text)]
    took = re.findall(r"^Done \d+ runs in (\d+) second", text, re.MULTILINE)
    if not found and not took:
        raise SystemExit(f"fuzzing {name}: the fuzzer failed: see {(place / 'log').relative_to(ROOT)}")
    return Row(
        name,
        max(inputs, default=0),
        int(took[-1]) if took else seconds,
        max(edges, default=0),
        len(found),
        f"{datetime.now(UTC):%Y-%m-%d}",
        commit,
    )


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short=9", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def insert(page: str, rows: Mapping[str, str], targets: Sequence[str]) -> str:
    """Put ``rows``, by target, into the page's table; rows of other ``targets`` stay."""
    before, begin, rest = page.partition(BEGIN)
    table, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no place for the table: {BEGIN} … {END}")
    old = {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("| ")}
    kept = [rows.get(name) or old.get(name) for name in targets]
    return f"{before}{BEGIN}\n\n{_HEAD}" + "".join(f"{row}\n" for row in kept if row) + f"\n{END}{after}"


def instrument() -> None:
    """Import the parsers so that libFuzzer sees which places an input reaches."""
    try:
        import atheris
    except ImportError:
        raise SystemExit("make fuzz: atheris is not installed: it has wheels for Linux on x86-64 alone") from None

    assert not any(name.startswith(("grocker", "tests.fuzz")) for name in sys.modules)
    with redirect_stderr(io.StringIO()), atheris.instrument_imports(include=_INSTRUMENTED):
        from tests.fuzz.target import find_fault
        from tests.fuzz.targets import TARGETS

        for target in TARGETS.values():
            for seed in target.seeds():  # what parsers import on demand is instrumented too
                find_fault(target, seed)


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target in this process, which ends here."""
    import atheris

    from tests.fuzz.mutation import LONGEST
    from tests.fuzz.target import bounded_memory, find_fault, shrink
    from tests.fuzz.targets import TARGETS, read_corpus

    place, target = PLACE / name, TARGETS[name]
    os.nice(19)
    log = os.open(place / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    corpus = place / "corpus"
    corpus.mkdir(exist_ok=True)
    for seed in (*target.seeds(), *read_corpus(name).values()):
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    words = "".join(f'"{_escaped(word)}"\n' for word in target.words if 0 < len(word) < 64)
    (place / "words").write_text(words)
    known: dict[str, int] = {}

    def try_input(data: bytes) -> None:
        finding = find_fault(target, data)
        if finding is not None and len(data) < known.get(finding.key, LONGEST + 1):
            known[finding.key] = len(data)
            path = place / "findings" / hashlib.sha256(finding.key.encode()).hexdigest()[:16]
            path.write_bytes(shrink(target, data, finding.key))
            path.with_suffix(".txt").write_text(f"{finding.key}\n{finding.details}", "utf-8")

    arguments = [
        "fuzz",
        f"-max_total_time={seconds}",
        f"-timeout={_HANG}",
        f"-report_slow_units={_HANG}",
        "-rss_limit_mb=0",  # bounded_memory
        f"-max_len={LONGEST}",
        *([f"-dict={place / 'words'}"] if words else []),
        f"-artifact_prefix={place / 'findings'}/",
        str(corpus),
    ]
    with bounded_memory():
        atheris.Setup(arguments, try_input)
        atheris.Fuzz()


def _escaped(word: bytes) -> str:
    """A word of libFuzzer's dictionaries."""
    return "".join(chr(byte) if 32 < byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # The interpreter's last collection of garbage crashes now and then in msgspec 0.22, after failed conversions.
    os._exit(status)
