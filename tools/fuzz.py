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
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.fuzz.targets import TARGETS
from tools.fuzz_one import HANG, PLACE, ROOT

PAGE = ROOT / "docs" / "development" / "fuzzing.md"
BEGIN, END = "<!-- table: written by make fuzz -->", "<!-- end of the table -->"
_HEAD = """\
| target | inputs | seconds | edges | findings | date | commit |
| --- | ---: | ---: | ---: | ---: | --- | --- |
"""
_LATE = 60
"""seconds that a fuzzer may take to start and to end"""


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
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="this one; may be repeated")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    rows = []
    for name in options.target or TARGETS:
        rows.append(run(name, options.seconds))
        print(rows[-1], flush=True)
    if options.write:
        PAGE.write_text(insert(PAGE.read_text("utf-8"), {row.name: str(row) for row in rows}), "utf-8")
    return 1 if any(row.findings for row in rows) else 0


def run(name: str, seconds: int) -> Row:
    """Fuzz one target in a process of its own, and show its findings."""
    place = PLACE / name
    findings = place / "findings"
    findings.mkdir(parents=True, exist_ok=True)
    for old in findings.iterdir():
        old.unlink()
    began = time.monotonic()
    with (place / "log").open("wb") as log:
        command = ["nice", "-n", "19", sys.executable, "-m", "tools.fuzz_one", name, str(seconds)]
        try:
            subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, check=False, timeout=seconds + _LATE + HANG)
        except subprocess.TimeoutExpired:
            log.write(b"\nended from outside\n")
    text = (place / "log").read_text("utf-8", "replace")
    found = sorted(path for path in findings.iterdir() if path.suffix != ".txt")
    for path in found:
        about = path.with_suffix(".txt")
        print(
            f"{name}: {path.relative_to(ROOT)}: {about.read_text('utf-8') if about.exists() else ''}", file=sys.stderr
        )
    if "stat::number_of_executed_units" not in text and not found:
        raise SystemExit(f"fuzzing {name}: the fuzzer failed: see {(place / 'log').relative_to(ROOT)}")
    inputs = [int(count) for count in re.findall(r"(?:stat::number_of_executed_units: |^#)(\d+)", text, re.MULTILINE)]
    edges = [int(count) for count in re.findall(r" cov: (\d+)", text)]
    return Row(
        name,
        max(inputs, default=0),
        round(time.monotonic() - began),
        max(edges, default=0),
        len(found),
        f"{datetime.now(UTC):%Y-%m-%d}",
        _commit(),
    )


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short=9", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def insert(page: str, rows: Mapping[str, str]) -> str:
    """Put ``rows``, by target, into the page's table; other rows stay as long as there is such a target."""
    before, begin, rest = page.partition(BEGIN)
    table, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no place for the table: {BEGIN} … {END}")
    old = {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("| ")}
    kept = [rows.get(name) or old.get(name) for name in TARGETS]
    return f"{before}{BEGIN}\n\n{_HEAD}" + "".join(f"{row}\n" for row in kept if row) + f"\n{END}{after}"


if __name__ == "__main__":
    sys.exit(main())
