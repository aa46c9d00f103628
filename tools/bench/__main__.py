"""Grocker beside BuildKit: ``python -m tools.bench [--rounds 5] [--repeats 3] [--work DIR] [--write]``.

Prints the tables. With ``--write`` they go into docs/explanation/benchmarks.md, and all samples beside it as JSON.
Needs Debian's docker.io, docker-registry and mmdebstrap, and root (or sudo) for a Docker daemon of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from grocker.errors import GrockerError
from grocker.python import Uv, find_uv
from tools.bench import base, report
from tools.bench.engine import engine
from tools.bench.host import BenchError, as_root, machine, program, run
from tools.bench.project import prepare
from tools.bench.registry import registry
from tools.bench.rounds import Bench
from tools.bench.sides import Dockerfile, Grocker, secrets, with_host

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "benchmarks.md"
_NOT_OURS = ("PYTHONDONTWRITEBYTECODE", "UV_CACHE_DIR", "GROCKER_CACHE", "DOCKER_HOST", "DOCKER_CONTEXT", "PYTHONPATH")
"""variables that would change what is measured"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3, help="of the quick cases, in a round")
    parser.add_argument("--work", type=Path, help="directory that keeps the base image for the next time")
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
        done, versions = measure(place, kept, environ, rounds=options.rounds, repeats=options.repeats)
    except (BenchError, GrockerError) as error:
        _say(f"error: {error}")
        return 69
    finally:
        run(as_root("rm", "-rf", place))
    about = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit, "machine": machine(), "versions": versions}
    about["rounds"] = f"{options.rounds}; quick cases {options.repeats} times in each"
    figures = report.tables(done.samples, done.sizes, about)
    sys.stdout.write(figures)
    if options.write:
        PAGE.write_text(report.insert(PAGE.read_text("utf-8"), figures), "utf-8")
        PAGE.with_suffix(".json").write_text(report.plain(done.samples, done.sizes, about), "utf-8")
    return 0


def measure(place: Path, kept: Path, environ: dict[str, str], *, rounds: int, repeats: int) -> tuple[Bench, str]:
    """The finished bench and the versions of what took part. ``place``: an empty directory, ``kept``: the base's."""
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
        done = Bench([package, tree, *peers], project, docker, target, _say)
        done.run(rounds, repeats)
        with_uv = run([uv.executable, "--version"]).split()[1]
        versions = f"Python {sys.version.split()[0]}, uv {with_uv}, {docker.versions()}"
    return done, versions


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
