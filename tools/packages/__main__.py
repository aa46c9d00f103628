"""Build an image with each set of Debian packages, and compare it with what apt installs: ``python -m tools.packages``.

Needs root, mmdebstrap and Debian's archive. Each case's script runs as its uid in both roots. Prints a line for each
case, and keeps its result; with ``--write`` the table of all results goes into docs/development/packages.md.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from grocker.platforms.suites import SUITES
from tools.packages import results, roots
from tools.packages.compare import differences, owned, read_root
from tools.packages.results import AS_APT, ROOT, Case, Result

CASES = Path(__file__).parent / "cases.tsv"
PAGE = ROOT / "docs" / "development" / "packages.md"
_INTRODUCTION = """\
# Debian packages compared with apt

`make packages` builds an image with each set of packages in `tools/packages/cases.tsv`, and compares it, whole, with a
root in which `apt-get install --no-install-recommends` installed the same: types, modes, owners by name, capabilities,
links and contents of files, users with their homes and shells, groups with their members. Each case's script runs as
uid 1000 (daemons as root) in both. Not counted, by design: documentation, translations, bytecode, logs, packages that
only maintainer scripts need, records of tools, services that an init system would start, SSH host keys, databases.
Numbers of system accounts are counted apart: they depend on the order in which packages are configured, with apt too.

Where maintainer scripts ran in the sandbox, the image was built a second time with `configure = "static"`, as on a host
that has none; the column *without a sandbox* says what the same script showed there. That build warns of every package
whose scripts did not run.

"""


@dataclass(frozen=True)
class Bench:
    """What all cases of a run have in common."""

    suite: str
    place: Path
    base: Path
    commit: str
    scratch: Path
    """where roots are made"""
    usual: frozenset[str] = frozenset()
    """differences that an image without any package has, too"""

    @property
    def kept(self) -> Path:
        """The directory of results."""
        return self.place / f"results-{self.suite}"

    def file(self, case: Case) -> Path:
        """Return the path of a case's result."""
        return self.kept / f"{'+'.join(case.packages) or 'usual'}.json"


def main() -> int:
    """Try the cases."""
    parser = argparse.ArgumentParser(prog="python -m tools.packages", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("patterns", nargs="*", help="regular expressions of cases to try; by default all")
    parser.add_argument("--cases", type=Path, default=CASES, help="a TSV file: packages, uid, script")
    parser.add_argument("--suite", choices=SUITES, default=next(iter(SUITES)))
    parser.add_argument("--place", type=Path, default=Path(tempfile.gettempdir()) / "grocker-packages")
    parser.add_argument("--scratch", type=Path, help="where roots are made, a memory file system if there is space")
    parser.add_argument("--workers", type=int, default=1, help="cases that are tried side by side")
    parser.add_argument("--resume", action="store_true", help="keep the results that there are")
    parser.add_argument("--detail", action="store_true", help="print every difference")
    parser.add_argument("--write", action="store_true", help=f"all results so far into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    options.place.mkdir(parents=True, exist_ok=True)
    base = roots.make_base(options.place, options.suite)
    bench = Bench(options.suite, options.place, base, results.describe_commit(), options.scratch or options.place)
    bench.kept.mkdir(exist_ok=True)
    usual = _measure(bench, Case((), 1000, "true"), is_kept=options.resume)
    bench = replace(bench, usual=frozenset(usual.found))
    cases = [case for case in read_cases(options.cases) if _is_chosen(case, options.patterns)]
    with ThreadPoolExecutor(options.workers) as pool:
        for result in pool.map(lambda case: _measure(bench, case, is_kept=options.resume), cases):
            sys.stdout.write(results.row(result) + "\n")
            if options.detail:
                sys.stdout.write("".join(f"    {one}\n" for one in result.found))
            sys.stdout.flush()
    if options.write:
        write_page(options.place, read_cases(options.cases))
    return 0


def read_cases(path: Path) -> list[Case]:
    """Read the cases."""
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()[1:] if line]
    return [Case(tuple(packages.split()), int(uid), script) for packages, uid, script in rows]


def write_page(place: Path, cases: list[Case]) -> None:
    """Write the results of all suites into the page."""
    parts = []
    for suite in SUITES:
        bench = Bench(suite, place, place, "", place)
        found = [bench.file(case) for case in (Case((), 0, ""), *cases)]
        seen = [results.load(path) for path in found if path.exists()]
        if len(seen) > 1:
            parts.append(results.page(seen[1:], seen[0], suite))
    PAGE.write_text(_INTRODUCTION + "\n".join(parts), "utf-8")


def _is_chosen(case: Case, patterns: list[str]) -> bool:
    name = " ".join(case.packages)
    return not patterns or any(re.fullmatch(pattern, name) for pattern in patterns)


def _measure(bench: Bench, case: Case, *, is_kept: bool) -> Result:
    path = bench.file(case)
    if is_kept and path.exists():
        return results.load(path)
    with tempfile.TemporaryDirectory(dir=bench.scratch) as work, roots.copy(bench.base, Path(work) / "apt") as apt:
        return results.keep(path, _try(bench, case, Path(work), apt))


def _try(bench: Bench, case: Case, work: Path, apt: Path) -> Result:
    refused = roots.install(case.packages, apt)
    first = Result(case, "", (), False, "", (), (), bench.commit, results.today())
    try:
        with roots.compose(case.packages, bench.suite, work) as made:
            first = replace(first, warned=made.warned, scripts_ran=made.static is not None)
            if refused:
                return replace(first, works=f"NO: apt refuses: {refused}")
            mine, theirs = read_root(made.root), read_root(apt)
            by_design = owned(apt, theirs.packages - mine.packages)
            found = [one for one in differences(mine, theirs, by_design) if one not in bench.usual]
            with_apt = roots.enter(apt, case.uid, case.script)
            works = _judge(roots.enter(made.root, case.uid, case.script), with_apt)
            static = _judge(roots.enter(made.static, case.uid, case.script), with_apt) if made.static else ""
            return replace(first, works=works, static=static, static_warned=made.static_warned, found=tuple(found))
    except roots.BuildError as error:
        return replace(first, works=f"{AS_APT}{refused}" if refused else f"NO image: {error}")


def _judge(done: subprocess.CompletedProcess[str], with_apt: subprocess.CompletedProcess[str]) -> str:
    if done.returncode == 0:
        return "yes"
    tail = "".join((done.stdout + done.stderr).strip().splitlines()[-1:])[:80]
    return f"{AS_APT if with_apt.returncode else 'NO: '}{tail or f'exit status {done.returncode}'}"


if __name__ == "__main__":
    sys.exit(main())
