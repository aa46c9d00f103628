"""Build and start applications of others: ``python -m tools.corpus [NAME ...] [--list FILE] [--mirror DIR] [--write]``.

Prints the tables. With ``--write`` they go into docs/development/corpus.md. Needs docker or podman, and the package
index; containers run without a network. With ``--new``, new projects are made instead, and the time of each goes into
docs/development/new-projects.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tools.bench.host import machine
from tools.corpus import new_projects, report
from tools.corpus.applications import Application, read_list
from tools.corpus.trial import ENGINES, Result, find_engine, try_application

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "development" / "corpus.md"
NEW_PAGE = PAGE.with_name("new-projects.md")
RELEASES = Path(__file__).parent / "releases.toml"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.corpus", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="applications to try, by default all")
    parser.add_argument("--list", type=Path, action="append", help="TOML list; by default the releases")
    parser.add_argument("--mirror", type=Path, help="directory of bare repositories, OWNER/NAME.git")
    parser.add_argument(
        "--engine", choices=ENGINES, action="append", help="by default docker if it answers, else podman"
    )
    parser.add_argument("--new", action="store_true", help="time new projects, from nothing to an answer")
    parser.add_argument("--write", action="store_true", help="the tables into docs/development, too")
    options = parser.parse_args()
    program = find_engine(options.engine or ENGINES)
    about = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": _commit(), "engine": program[0]}
    page = NEW_PAGE if options.new else PAGE
    figures = _time_new(options, program, about) if options.new else _try_all(options, program, about)
    sys.stdout.write(figures)
    if options.write:
        page.write_text(report.insert(page.read_text("utf-8"), figures), "utf-8")
    return 0


def _try_all(options: argparse.Namespace, program: Sequence[str], about: dict[str, str]) -> str:
    """Try the applications of the lists; return the tables."""
    lists: dict[str, list[tuple[Application, Result]]] = {}
    for path in options.list or [RELEASES]:
        for one in read_list(path):
            if not options.names or one.name in options.names:
                result = try_application(one, program, options.mirror)
                sys.stderr.write(f"{one.name}: {result.outcome}: {result.detail}\n")
                lists.setdefault(path.stem.capitalize(), []).append((one, result))
    return report.render(lists, about)


def _time_new(options: argparse.Namespace, program: Sequence[str], about: dict[str, str]) -> str:
    """Time the new projects; return the table."""
    load = os.getloadavg()[0]
    busy = "a busy machine" if load > 0.5 else "a quiet machine"
    found = []
    with tempfile.TemporaryDirectory(prefix="corpus-", dir="/var/tmp") as place:
        for project in new_projects.PROJECTS:
            if not options.names or project.name in options.names:
                seconds = new_projects.time_new(project, program, Path(place))
                sys.stderr.write(f"{project.name}: {seconds.all:.1f} s\n")
                found.append((project, seconds))
    return new_projects.render(found, {**about, "machine": machine(), "load": f"{load:.1f} at the start: {busy}"})


def _commit() -> str:
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
