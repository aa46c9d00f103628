"""Grocker beside BuildKit: ``python -m tools.bench [--rounds 5] [--repeats 3] [--work DIR] [--machines] [--write]``.

Prints the tables; with ``--machines`` those of ``machines.py``. With ``--write`` they go into
docs/explanation/benchmarks.md, and all samples beside it as JSON.
Needs Debian's docker.io, docker-registry and mmdebstrap, and root (or sudo) for a Docker daemon of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from grocker.errors import GrockerError
from grocker.python import Uv, find_uv
from tools.bench import base, machines, report
from tools.bench.engine import Engine, engine
from tools.bench.host import BenchError, as_root, machine, program, run
from tools.bench.project import Project, prepare
from tools.bench.registry import Registry, registry
from tools.bench.rounds import Bench
from tools.bench.sides import Dockerfile, Grocker, Side, secrets, with_host

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
        with contest(place, kept, environ) as sides:
            about = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit, "machine": machine()}
            about["versions"] = sides.versions
            figures = (_race if options.machines else _measure)(sides, about, options)
    except (BenchError, GrockerError) as error:
        _say(f"error: {error}")
        return 69
    finally:
        run(as_root("rm", "-rf", place))
    sys.stdout.write(figures)
    return 0


def _measure(sides: Contest, about: dict[str, str], options: argparse.Namespace) -> str:
    """Run the cases of ``rounds``; return the tables."""
    done = Bench(sides.all, sides.project, sides.engine, sides.registry, _say)
    done.run(options.rounds, options.repeats)
    about["rounds"] = f"{options.rounds}; quick cases {options.repeats} times in each"
    figures = report.tables(done.samples, done.sizes, about)
    if options.write:
        PAGE.write_text(report.insert(PAGE.read_text("utf-8"), figures), "utf-8")
        PAGE.with_suffix(".json").write_text(report.plain(done.samples, done.sizes, about), "utf-8")
    return figures


def _race(sides: Contest, about: dict[str, str], options: argparse.Namespace) -> str:
    """Run the cases of ``machines``; return the tables."""
    race = machines.Race(sides.machines, sides.project, sides.engine, sides.registry, _say)
    race.run(options.rounds)
    about["rounds"] = f"{options.rounds}; without a cache {machines.WITHOUT}"
    figures = machines.tables(race, about)
    if options.write:
        PAGE.write_text(machines.insert(PAGE.read_text("utf-8"), figures), "utf-8")
        PAGE.with_name("benchmarks-machines.json").write_text(report.plain(race.samples, (), about), "utf-8")
    return figures


@dataclass(frozen=True, slots=True)
class Contest:
    """Who takes part, and where."""

    ours: Sequence[Grocker]
    """the package and the tree"""
    peers: Sequence[Dockerfile]
    project: Project
    engine: Engine
    registry: Registry
    versions: str

    @property
    def all(self) -> Sequence[Side]:
        """Every side."""
        return [*self.ours, *self.peers]

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
        peers = []
        for name, words in (("copy", "Dockerfile, copying"), ("split", "Dockerfile, installing")):
            dockerfile = place / f"Dockerfile.{name}"
            text = (Path(__file__).parent / dockerfile.name).read_text("utf-8")
            dockerfile.write_text(with_host(text, name), "utf-8")
            peers.append(Dockerfile(docker, target, words, f"bench/{name}:1", name, dockerfile, told))
        with_uv = run([uv.executable, "--version"]).split()[1]
        versions = f"Python {sys.version.split()[0]}, uv {with_uv}, {docker.versions()}"
        yield Contest([package, tree], peers, project, docker, target, versions)


def _installed(venv: Path, uv: Uv) -> Path:
    """Grocker as ``pip install`` gives it, without what its development needs, in this Python: the program's path."""
    _say("installing Grocker")
    run([uv.executable, "venv", "--quiet", "--python", sys.executable, venv], environ=uv.environment)
    words = ("--quiet", "--compile-bytecode", "--constraints", ROOT / "requirements" / "dev.txt")
    run([uv.executable, "pip", "install", *words, "--python", venv / "bin" / "python", ROOT], environ=uv.environment)
    return venv / "bin" / "grocker"


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
