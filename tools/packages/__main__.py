"""Build an image with each set of Debian packages, and compare it with what apt installs: ``python -m tools.packages``.

Needs root, mmdebstrap and Debian's archive. Each case's script runs as uid 1000 in both roots. Prints a line for each
case, and keeps its result; with ``--write`` the table of all results goes into docs/development/packages.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from grocker.platforms.suites import SUITES
from tools.packages.compare import differences, owned, read_root, shorten

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).parent / "cases.tsv"
PAGE = ROOT / "docs" / "development" / "packages.md"
_EXCLUDED = """\
path-exclude /usr/share/groff/*
path-exclude /usr/share/info/*
path-exclude /usr/share/linda/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/locale/*
path-include /usr/share/locale/locale.alias
path-exclude /usr/share/man/*
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
"""
_PROJECT = """\
[project]
name = "case"
version = "1"
requires-python = ">=3.13"
[tool.grocker]
install = "tree"
dependencies = {packages}
services.www.command = ["python", "main.py"]
"""
_ENTER = (
    'mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && mount -t tmpfs -o mode=1777 tmpfs "$0/tmp" &&'
    ' exec chroot --userspec="$1:0" "$0" /usr/bin/env -i'
    " PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    ' HOME=/tmp LC_ALL=C.UTF-8 timeout 90 /bin/sh -ec "cd /tmp; $2"'
)


@dataclass(frozen=True)
class Case:
    """A line of the file."""

    packages: tuple[str, ...]
    uid: int
    script: str


@dataclass(frozen=True)
class Result:
    """What was seen."""

    case: Case
    works: str
    """``yes``, else why not"""
    warned: str
    ran: str
    """the packages whose maintainer scripts ran"""
    found: tuple[str, ...]


def main() -> int:
    """Try the cases."""
    parser = argparse.ArgumentParser(prog="python -m tools.packages", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("patterns", nargs="*", help="regular expressions of cases to try; by default all")
    parser.add_argument("--cases", type=Path, default=CASES, help="a TSV file: packages, uid, script")
    parser.add_argument("--place", type=Path, default=Path(tempfile.gettempdir()) / "grocker-packages")
    parser.add_argument("--detail", action="store_true", help="print every difference")
    parser.add_argument("--write", action="store_true", help=f"all results so far into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    options.place.mkdir(parents=True, exist_ok=True)
    base = _make_base(options.place)
    kept = options.place / "results"
    kept.mkdir(exist_ok=True)
    usual = _keep(kept / "usual.json", _try(Case((), 1000, "true"), base, options.place, frozenset()))
    for case in read_cases(options.cases):
        name = " ".join(case.packages)
        if options.patterns and not any(re.fullmatch(pattern, name) for pattern in options.patterns):
            continue
        result = _keep(kept / f"{name.replace(' ', '+')}.json", _try(case, base, options.place, frozenset(usual.found)))
        sys.stdout.write(_row(result) + "\n")
        if options.detail:
            sys.stdout.write("".join(f"    {one}\n" for one in result.found))
        sys.stdout.flush()
    if options.write:
        order = ["usual", *("+".join(case.packages) for case in read_cases(options.cases))]
        found = [kept / f"{name}.json" for name in order]
        usual, *results = (msgspec.json.decode(one.read_bytes(), type=Result) for one in found if one.exists())
        PAGE.write_text(_page(results, usual), "utf-8")
    return 0


def _keep(path: Path, result: Result) -> Result:
    path.write_bytes(msgspec.json.encode(result))
    return result


def read_cases(path: Path) -> list[Case]:
    """Read the cases."""
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()[1:] if line]
    return [Case(tuple(packages.split()), int(uid), script) for packages, uid, script in rows]


def _make_base(place: Path) -> Path:
    """Make the root that apt starts from: of a minimal system, and the packages of every image."""
    base = place / "base"
    if base.exists():
        return base
    new = place / "base.new"
    shutil.rmtree(new, ignore_errors=True)
    suite = SUITES["trixie"]
    names = ",".join((*suite.base, *suite.interpreter))
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as config:
        config.write(_EXCLUDED)
        config.flush()
        setup = [
            '--setup-hook=mkdir -p "$1/etc/dpkg/dpkg.cfg.d" "$1/usr/sbin"',
            f'--setup-hook=cp {config.name} "$1/etc/dpkg/dpkg.cfg.d/docker"',
            '--setup-hook=printf "#!/bin/sh\\nexit 101\\n" > "$1/usr/sbin/policy-rc.d"',
            '--setup-hook=chmod 755 "$1/usr/sbin/policy-rc.d"',
        ]
        _run(["mmdebstrap", "--quiet", "--variant=apt", *setup, f"--include={names}", "trixie", str(new), *_sources()])
    shutil.copy("/etc/resolv.conf", new / "etc/resolv.conf")
    _enter(new, 0, "apt-get -qq update", network=True)
    new.rename(base)
    return base


def _sources() -> list[str]:
    """Return apt's lines for the archive that Grocker would use."""
    from grocker.debian import find_mirrors

    mirrors = find_mirrors(environ=os.environ)
    main, security = mirrors.archive[0], mirrors.security[0]
    return [
        f"deb {main} trixie main",
        f"deb {main} trixie-updates main",
        f"deb {security} trixie-security main",
    ]


def _try(case: Case, base: Path, place: Path, usual: frozenset[str]) -> Result:
    """Try a case; ``usual``: differences that an image without any package has, too."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        work = Path(name)
        apt, composed = work / "apt", work / "composed"
        done = _build(case, work, composed)
        if done.returncode:
            return Result(case, f"no image: {done.stderr.strip().splitlines()[-1]}", "", "", ())
        report = json.loads(done.stdout)
        warned = " ".join(one["package"] for one in report["images"][0]["uncovered"])
        _run(["cp", "-a", "--reflink=auto", str(base), str(apt)])
        if case.packages:
            install = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "
            _enter(apt, 0, install + " ".join(case.packages), network=True)
        one, other = read_root(composed), read_root(apt)
        found = [one for one in differences(one, other, owned(apt, other.packages - one.packages)) if one not in usual]
        ours, theirs = (_enter(root, case.uid, case.script) for root in (composed, apt))
        works = "yes"
        if ours.returncode:
            tail = (ours.stdout + ours.stderr).strip().splitlines()[-1:]
            works = f"NO{' (nor with apt)' if theirs.returncode else ''}: {''.join(tail)[:80]}"
        return Result(case, works, warned, _ran(work), tuple(found))


def _build(case: Case, work: Path, composed: Path) -> subprocess.CompletedProcess[str]:
    project, layout = work / "project", work / "layout"
    project.mkdir()
    (project / "main.py").write_text("")
    (project / "pyproject.toml").write_text(_PROJECT.format(packages=json.dumps(case.packages)))
    command = [sys.executable, "-m", "grocker", "build", str(project), "--json", "--quiet", "--output", f"oci:{layout}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        composed.mkdir()
        index = json.loads((layout / "index.json").read_bytes())
        manifest = json.loads(_blob(layout, index["manifests"][0]["digest"]).read_bytes())
        for layer in manifest["layers"]:
            blob = _blob(layout, layer["digest"])
            _run(["tar", "-xzpf", str(blob), "--numeric-owner", "--overwrite", "-C", str(composed)])
            for mark in composed.rglob(".wh.*"):  # whiteouts: the layer deletes what has the rest of that name
                _run(["rm", "-rf", str(mark), str(mark.with_name(mark.name.removeprefix(".wh.")))])
        scripts = [one for one in manifest["layers"] if "scripts" in one.get("annotations", {}).values()]
        (work / "ran").write_text("yes" if scripts else "")
        shutil.rmtree(layout)
    return done


def _ran(work: Path) -> str:
    return (work / "ran").read_text()


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def _enter(root: Path, uid: int, script: str, *, network: bool = False) -> subprocess.CompletedProcess[str]:
    kinds = ["--mount", "--pid", "--fork", *([] if network else ["--net"])]
    enter = _ENTER.replace("timeout 90", "timeout 1800") if network else _ENTER
    return subprocess.run(
        ["unshare", *kinds, "sh", "-c", enter, str(root), str(uid), script],
        capture_output=True,
        text=True,
        errors="replace",
        check=network,
        stdin=subprocess.DEVNULL,
    )


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)


def _row(one: Result) -> str:
    cells = (" ".join(one.case.packages), one.works, one.ran or "–", one.warned or "–", shorten(list(one.found)) or "–")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _page(results: list[Result], usual: Result) -> str:
    count = len(results)
    works = sum(one.works.startswith("yes") or "nor with apt" in one.works for one in results)
    equal = sum(not one.found for one in results)
    ran = sum(bool(one.ran) for one in results)
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    text = f"""# Debian packages compared with apt

`make packages` builds an image with each set of packages, and compares it, whole, with a root in which `apt-get install
--no-install-recommends` installed the same: types, modes, owners by name, links and contents of files, accounts,
groups. Each case's script runs as uid 1000 (daemons as root) in both. Not counted, by design: documentation,
translations, bytecode, logs, packages that only maintainer scripts need, records of tools, services that an init system
would start, SSH host keys.

{datetime.now(UTC):%Y-%m-%d}, commit {commit}, Debian trixie, amd64:

| | |
| --- | --- |
| cases | {count} |
| do their work | {works} |
| the same files as with apt | {equal} |
| maintainer scripts ran | {ran} |

What remains is meant: `ssh-agent` is not setgid, which guards its memory from other processes of the same user;
`/var/lib/xfonts` is a list for X servers. A difference of another kind is a fault.

Differences that an image without any of these packages has, too, are not repeated: {"; ".join(usual.found)}.

| packages | works | scripts ran | warned | differences, and how many |
| --- | --- | --- | --- | --- |
"""
    return text + "\n".join(map(_row, results)) + "\n"


if __name__ == "__main__":
    sys.exit(main())
