"""Grocker beside BuildKit: ``python -m tools.bench [--rounds 5] [--repeats 3] [--work DIR] [--write]``.

Prints the tables; with ``--machines`` or ``--growth`` those of ``machines.py`` or ``growth.py``. With ``--write`` they
go into docs/explanation/benchmarks.md, and all samples beside it as JSON.
Needs Debian's docker.io, docker-registry and mmdebstrap, and root (or sudo) for a Docker daemon of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from grocker.errors import GrockerError
from grocker.python import Uv, find_uv
from tools.bench import base, growth, machines, peers, report
from tools.bench.engine import Engine, engine
from tools.bench.host import BenchError, as_root, machine, program, run
from tools.bench.profile import profile
from tools.bench.project import Project, prepare
from tools.bench.registry import Registry, registry, secure_registry
from tools.bench.rounds import Bench
from tools.bench.sides import COPYING, INSTALLING, PYOCI, Dockerfile, Grocker, Side, secrets, with_host

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "benchmarks.md"
_NOT_OURS = ("PYTHONDONTWRITEBYTECODE", "UV_CACHE_DIR", "GROCKER_CACHE", "DOCKER_HOST", "DOCKER_CONTEXT", "PYTHONPATH")
"""variables that would change what is measured"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3, help="of the quick cases, in a round")
    parser.add_argument("--work", type=Path, help="directory that keeps the base image for the next time")
    parser.add_argument("--machines", action="store_true", help="new machines with a cache in a registry")
    parser.add_argument("--growth", action="store_true", help="a line with more dependencies and more files")
    parser.add_argument("--write", action="store_true", help=f"the tables into {PAGE.relative_to(ROOT)}, too")
    options = parser.parse_args()
    commit = _commit()
    environ = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
    # Not below TMPDIR: paths of sockets must be short, and images are large for a file system in memory.
    place = Path(tempfile.mkdtemp(prefix="bench-", dir="/var/tmp"))
    try:
        place.chmod(0o755)
        kept = (options.work or place).absolute()
        kept.mkdir(parents=True, exist_ok=True)
        about = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit, "machine": machine()}
        if options.growth:
            figures = _grow(place, environ, about, options)
        else:
            with contest(place, kept, environ) as sides:
                about["versions"] = sides.versions
                if options.machines:
                    figures = _race(sides, about, options)
                else:
                    figures = _measure(sides, place, about, options)
    except (BenchError, GrockerError) as error:
        _say(f"error: {error}")
        return 69
    finally:
        run(as_root("rm", "-rf", place))
    sys.stdout.write(figures)
    return 0


def _measure(sides: Contest, place: Path, about: dict[str, str], options: argparse.Namespace) -> str:
    """Run the cases of ``rounds``; return the tables. ``place``: an existing directory."""
    done = Bench(sides.all, sides.project, sides.engine, sides.registry, _say)
    done.run(options.rounds, options.repeats)
    about["rounds"] = f"{options.rounds}; quick cases {options.repeats} times in each"
    profiles = profile(sides.ours, sides.project, place, options.repeats, _say)
    figures = report.tables(done.samples, done.sizes, about, profiles)
    if options.write:
        PAGE.write_text(report.insert(PAGE.read_text("utf-8"), figures, report.MARKS), "utf-8")
        PAGE.with_suffix(".json").write_text(report.plain(done.samples, done.sizes, about), "utf-8")
    return figures


def _race(sides: Contest, about: dict[str, str], options: argparse.Namespace) -> str:
    """Run the cases of ``machines``; return the tables."""
    race = machines.Race(sides.machines, sides.project, sides.engine, sides.registry, _say)
    race.run(options.rounds)
    about["rounds"] = f"{options.rounds}; without a cache {machines.WITHOUT}"
    figures = machines.tables(race, about)
    if options.write:
        PAGE.write_text(report.insert(PAGE.read_text("utf-8"), figures, machines.MARKS), "utf-8")
        PAGE.with_name("benchmarks-machines.json").write_text(report.plain(race.samples, (), about), "utf-8")
    return figures


def _grow(place: Path, environ: dict[str, str], about: dict[str, str], options: argparse.Namespace) -> str:
    """Run the shapes of ``growth``; return the tables."""
    program("docker-registry", "docker-registry")
    uv = find_uv(environ, cache=place / "uv")
    grocker = _installed(place / "venv", uv)
    with registry(place / "registry") as target:
        done = growth.Growth(place, target, environ, grocker, ROOT / "examples" / "polls", _say)
        done.run(options.rounds)
    about["versions"] = f"Python {sys.version.split()[0]}, uv {run([uv.executable, '--version']).split()[1]}"
    about["rounds"] = str(options.rounds)
    figures = growth.tables(done, about)
    if options.write:
        PAGE.write_text(report.insert(PAGE.read_text("utf-8"), figures, growth.MARKS), "utf-8")
        PAGE.with_name("benchmarks-growth.json").write_text(report.plain(done.samples, (), about), "utf-8")
    return figures


@dataclass(frozen=True, slots=True)
class Contest:
    """Who takes part, and where."""

    ours: Sequence[Grocker]
    """the package and the tree"""
    peers: Sequence[Dockerfile]
    """BuildKit's"""
    others: Sequence[Side]
    """as far as they are installed"""
    project: Project
    engine: Engine
    registry: Registry
    versions: str

    @property
    def all(self) -> Sequence[Side]:
        """Every side."""
        return [*self.ours, *self.peers, *self.others]

    @property
    def machines(self) -> Sequence[machines.Machine]:
        """The sides on new machines; of ours, the package."""
        return [machines.GrockerMachine(self.ours[0]), *map(machines.BuildKitMachine, self.peers)]


@contextmanager
def contest(place: Path, kept: Path, environ: dict[str, str]) -> Iterator[Contest]:
    """Prepare everything that is not timed. ``place``: an empty directory, ``kept``: the base's."""
    _check()
    _say("making the base image of the peers (mmdebstrap)")
    tar = base.make(kept, environ)
    uv = find_uv(environ, cache=place / "uv")
    grocker = _installed(place / "venv", uv)
    project = prepare(ROOT / "examples" / "polls", place / "polls", environ, cache=place / "uv")
    with engine(place, environ) as docker, registry(place / "registry") as target:
        base.give(docker, target, tar)
        package = Grocker(docker, target, environ, place / "cache", grocker, "Grocker, package")
        tree = replace(
            package,
            cache=place / "cache-tree",
            name="Grocker, tree",
            tag="bench/tree:1",
            repository="tree",
            as_tree=True,
        )
        told = secrets(place / "secrets", uv.environment)
        dockerfiles = []
        for name, words in (("copy", COPYING), ("split", INSTALLING)):
            dockerfile = place / f"Dockerfile.{name}"
            text = (Path(__file__).parent / dockerfile.name).read_text("utf-8")
            dockerfile.write_text(with_host(text, name), "utf-8")
            dockerfiles.append(Dockerfile(docker, target, words, f"bench/{name}:1", name, dockerfile, told))
        with_uv = run([uv.executable, "--version"]).split()[1]
        versions = f"Python {sys.version.split()[0]}, uv {with_uv}, {docker.versions()}"
        with _pyoci(place / "pyoci", docker, target, environ, uv) as pyoci:
            others: list[Side] = [*_buildah(place, docker, target, tar, told), *pyoci]
            yield Contest([package, tree], dockerfiles, others, project, docker, target, versions)


def _buildah(
    place: Path, docker: Engine, target: Registry, base_tar: Path, told: Mapping[str, Path]
) -> Iterator[peers.Buildah]:
    """Yield buildah with the base in its store, if it is installed."""
    found = peers.find_buildah()
    if found is None:
        _say("buildah is left out: it is not installed; hint: apt-get install buildah")
        return
    dockerfile = place / "Dockerfile.buildah"
    text = (Path(__file__).parent / "Dockerfile.split").read_text("utf-8")
    dockerfile.write_text(with_host(peers.with_copied(text), "buildah"), "utf-8")
    (place / "buildah").mkdir()
    one = peers.Buildah(docker, target, found, place / "buildah", dockerfile, told)
    one.give(base_tar)
    yield one


@contextmanager
def _pyoci(
    place: Path, docker: Engine, target: Registry, environ: Mapping[str, str], uv: Uv
) -> Iterator[Sequence[peers.Pyoci]]:
    """Yield pyoci with a registry that it can use, if it is on the index."""
    place.mkdir()
    try:
        program = _virtual_environment(place / "venv", uv, PYOCI.replace(" ", "=="))
    except BenchError as error:
        _say(f"pyoci is left out: {error}")
        yield ()
        return
    with secure_registry(place / "registry", target) as (secure, certificate):
        own = {**environ, "SSL_CERT_FILE": str(certificate), "no_proxy": "127.0.0.1", "HOME": str(place)}
        yield [peers.Pyoci(docker, target, secure, own, program / "pyoci", uv, place)]


def _installed(venv: Path, uv: Uv) -> Path:
    """Grocker as ``pip install`` gives it, without what its development needs, in this Python: the program's path."""
    _say("installing Grocker")
    return _virtual_environment(venv, uv, "--constraints", ROOT / "requirements" / "dev.txt", ROOT) / "grocker"


def _virtual_environment(venv: Path, uv: Uv, *words: str | Path) -> Path:
    """Make an environment of this Python with what ``words`` of pip's command line say; where its programs are."""
    run([uv.executable, "venv", "--quiet", "--python", sys.executable, venv], environ=uv.environment)
    options = ("--quiet", "--compile-bytecode", "--python", venv / "bin" / "python")
    run([uv.executable, "pip", "install", *options, *words], environ=uv.environment)
    return venv / "bin"


def _check() -> None:
    """Tell now, not after minutes, what is missing."""
    for name, package in (
        ("mmdebstrap", "mmdebstrap"),
        ("dockerd", "docker.io"),
        ("docker-registry", "docker-registry"),
    ):
        program(name, package)


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False).stdout.strip()

    changed = " with changes" if git("status", "--porcelain", "--untracked-files=no", "--", "src") else ""
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + changed


def _say(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
