"""The runner beside its peers: ``python -m tools.bench_runner [--quick] [--only NAME,…] [--write]``.

Prints one table of every budget. With ``--write`` it goes into docs/explanation/runner-benchmarks.md, and all samples
beside it as JSON. Needs a Docker daemon that answers, root (or sudo), and the Debian packages that it names if they
are missing.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tools.bench.host import BenchError, as_root, machine, run
from tools.bench_runner import cron, first_answer, idle, lab, log_lines, one_shot, orphans, report, server, throughput
from tools.bench_runner.figures import Row

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "runner-benchmarks.md"
NAMES = ("idle", "commands", "starts", "throughput", "orphans", "lines", "cron")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of each; times in seconds."""

    warm: int = 1
    """rounds that are not counted"""
    commands: int = 12
    idle: float = 60.0
    starts: int = 31
    turns: int = 4
    turn: int = 3
    orphans: float = 6.0
    settle: float = 0.5
    """after the last orphan, by when no zombie may be left"""
    lines: int = 1_000_000
    rate: int = 100_000
    rounds: int = 2
    jobs: int = 1000
    due: bool = True
    """whether the jobs wait for a minute"""


QUICK = Scale(
    warm=0,
    commands=1,
    idle=1.0,
    starts=1,
    turns=1,
    turn=1,
    orphans=0.5,
    settle=10.0,
    lines=20_000,
    rate=50_000,
    rounds=1,
    jobs=20,
    due=False,
)
"""shows that it works; the figures mean nothing"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench_runner", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="half a minute, to see that it works: no figures")
    parser.add_argument("--only", default=",".join(NAMES), help=f"some of {','.join(NAMES)}")
    parser.add_argument("--write", action="store_true", help=f"the table into {PAGE.relative_to(ROOT)}, too")
    options = parser.parse_args()
    only = options.only.split(",")
    if unknown := set(only) - set(NAMES):
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}")
    if options.write and (options.quick or set(only) != set(NAMES)):
        parser.error("--write: all of it, and not --quick")
    place = Path(tempfile.mkdtemp(prefix="bench-runner-", dir="/var/tmp"))
    about = {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "commit": _commit(), "machine": machine()}
    before = os.getloadavg()[0]
    try:
        lab.check()
        with lab.lab(place) as found:
            rows = measure(found, QUICK if options.quick else Scale(), only)
            about["versions"] = _versions(found)
    except BenchError as error:
        _say(f"error: {error}")
        return 69
    finally:
        run(as_root("rm", "-rf", place))
    about["load"] = f"{before:.1f} before; a quiet machine has less than 0.5"
    figures = report.table(rows, about)
    sys.stdout.write(figures)
    if options.write:
        PAGE.write_text(report.insert(PAGE.read_text("utf-8"), figures), "utf-8")
        PAGE.with_suffix(".json").write_text(report.plain(rows, about), "utf-8")
    return 0


def measure(where: lab.Lab, scale: Scale, only: list[str]) -> list[Row]:
    """The rows of the table."""
    gunicorn = server.bare(where)
    _say(f"the server for the peers: {shlex.join(gunicorn)}")
    rows: list[Row] = []
    took = time.monotonic()

    def done(name: str, found: list[Row]) -> None:
        nonlocal took
        took, began = time.monotonic(), took
        _say(f"{name}: {took - began:.0f} s")
        rows.extend(found)

    with ExitStack() as stack:
        # Idle is who does nothing: the others can be timed meanwhile, but those that use all processors.
        idles = stack.enter_context(idle.begun(where, gunicorn, scale.idle)) if "idle" in only else None
        if "commands" in only:
            done("commands", one_shot.measure(where, scale.commands, scale.warm))
        if "starts" in only:
            done("starts", first_answer.measure(where, gunicorn, scale.starts, scale.warm))
        if idles is not None:
            done("idle", idles())
    if "throughput" in only:
        done("throughput", throughput.measure(where, gunicorn, scale.turns, scale.turn, scale.warm))
    if "orphans" in only:
        done("orphans", orphans.measure(where, scale.orphans, scale.settle))
    if "lines" in only:
        done("lines", log_lines.measure(where, scale.lines, scale.rate, scale.rounds))
    if "cron" in only:
        done("cron", cron.measure(where, scale.jobs, due=scale.due))
    return rows


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False).stdout.strip()

    changed = " with changes" if git("status", "--porcelain", "--untracked-files=no", "--", "src") else ""
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + changed


def _versions(where: lab.Lab) -> str:
    docker = run(["docker", "version", "--format", "{{.Server.Version}}"]).strip()
    asked = "import sys, importlib.metadata as m; print('Python', sys.version.split()[0]); "
    asked += "[print(n, m.version(n)) for n in ('gunicorn', 'supervisor')]"
    inside = run(["docker", "run", "--rm", "--entrypoint", f"{lab.VENV}/python", where.image, "-c", asked]).split("\n")
    peers = [run([shutil.which("tini-static") or "tini", "--version"]).strip(), f"Docker {docker}"]
    return ", ".join([*(line for line in inside if line), *peers])


def _say(text: str) -> None:
    sys.stderr.write(f"bench-runner: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
