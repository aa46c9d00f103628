"""Build and start applications of others: ``python -m tools.corpus [NAME ...] [--list FILE] [--mirror DIR] [--write]``.

Prints the tables. With ``--write`` they go into docs/development/corpus.md. Needs docker or podman, and the package
index; containers run without a network.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tools.corpus import report
from tools.corpus.applications import Application, read_list
from tools.corpus.trial import ENGINES, Result, find_engine, try_application

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "development" / "corpus.md"
RELEASES = Path(__file__).parent / "releases.toml"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.corpus", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="applications to try, by default all")
    parser.add_argument("--list", type=Path, action="append", help="TOML list; by default the releases")
    parser.add_argument("--mirror", type=Path, help="directory of bare repositories, OWNER/NAME.git")
    parser.add_argument(
        "--engine", choices=ENGINES, action="append", help="by default docker if it answers, else podman"
    )
    parser.add_argument("--write", action="store_true", help=f"the tables into {PAGE.relative_to(ROOT)}, too")
    options = parser.parse_args()
    program = find_engine(options.engine or ENGINES)
    lists: dict[str, list[tuple[Application, Result]]] = {}
    for path in options.list or [RELEASES]:
        for one in read_list(path):
            if not options.names or one.name in options.names:
                result = try_application(one, program, options.mirror)
                sys.stderr.write(f"{one.name}: {result.outcome}: {result.detail}\n")
                lists.setdefault(path.stem.capitalize(), []).append((one, result))
    about = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": _commit(), "engine": program[0]}
    figures = report.render(lists, about)
    sys.stdout.write(figures)
    if options.write:
        PAGE.write_text(report.insert(PAGE.read_text("utf-8"), figures), "utf-8")
    return 0


def _commit() -> str:
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
