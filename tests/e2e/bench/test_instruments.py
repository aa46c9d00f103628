"""A slice of ``make bench``: cold is cold, downloads are kept, and pushed bytes are those that were pushed.

The base of the Dockerfile here is Grocker's own image: to make the real one takes minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from grocker.cli.replay import cache_directory
from tests.architecture.source import ROOT
from tools.bench.engine import BASE, Engine, engine
from tools.bench.project import ADDED, Project, prepare
from tools.bench.registry import Registry, registry
from tools.bench.rounds import COLD, COLD_PUSH, LINE, PUSH, UNCHANGED, Bench
from tools.bench.sides import Dockerfile, Grocker

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.docker,
    pytest.mark.network,
    pytest.mark.root,
    pytest.mark.xdist_group("bench"),  # one bridge
    pytest.mark.long(150),
]

DOCKERFILE = f"""
FROM {BASE}
USER 0
RUN --mount=type=cache,target=/kept date >>/kept/log && cp /kept/log /log
COPY src /src
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a short path, for sockets."""
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed")
    path = Path(tempfile.mkdtemp(prefix="bench-", dir="/var/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def environ() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("DOCKER_", "GROCKER_CACHE", "UV_CACHE"))}


@pytest.fixture
def project(place: Path, environ: dict[str, str]) -> Project:
    return prepare(ROOT / "examples" / "polls", place / "polls", environ, cache=place / "uv")


@pytest.fixture
def docker(place: Path, environ: dict[str, str]) -> Iterator[Engine]:
    with engine(place, environ) as found:
        yield found


@pytest.fixture
def target(place: Path) -> Iterator[Registry]:
    with registry(place / "registry") as found:
        yield found


def ran(said: str) -> bool:
    """Whether BuildKit carried out the step with the mounted cache."""
    step = next(line.split()[0] for line in said.splitlines() if "RUN --mount=type=cache" in line)
    return f"{step} CACHED" not in said


def downloads(cache: Path) -> set[str]:
    return {path.name for path in (cache / "v1" / "downloads").iterdir() if len(path.name) == 64}


def test_bench_measures_what_it_says(
    place: Path, environ: dict[str, str], project: Project, docker: Engine, target: Registry
) -> None:
    cache = place / "cache"
    ours = Grocker(docker, target, environ, cache, Path(sys.executable).with_name("grocker"))
    shared = replace(ours, cache=Path(cache_directory(os.environ)))  # what other tests built is not built again
    project.change_line(7)
    shared.build(project.directory)
    shared.serve("ok 7")
    docker.docker("tag", ours.tag, BASE)
    docker.docker("image", "rm", ours.tag)
    project.reset()
    dockerfile = place / "Dockerfile"
    dockerfile.write_text(DOCKERFILE)
    theirs = Dockerfile(docker, target, "Dockerfile", "bench/theirs:1", "theirs", dockerfile, {})
    theirs.build(project.directory)
    bench = Bench([ours, theirs], project, docker, target, print)
    bench._round(1, 1)
    found = {(one.case, one.side): one for one in bench.samples}
    assert len(found) == len(bench.samples) == 12
    said = {(case, side): text for case, side, text in bench.logs}
    assert ran(said[COLD, "Dockerfile"])
    assert not ran(said[UNCHANGED, "Dockerfile"])
    assert not ran(said[LINE, "Dockerfile"])
    assert "new: debian, generated, runner" in said[COLD, "Grocker"]
    assert "nothing changed" in said[UNCHANGED, "Grocker"]
    assert "new: application" in said[LINE, "Grocker"]
    # Cold, all of it is sent: to a repository of its own, whatever others of the registry hold.
    assert "new: debian, generated, runner" in said[COLD_PUSH, "Grocker"]
    assert 10_000_000 < ours.weigh_zstd(project.directory) < 0.9 * target.compressed("grocker-1", "1")
    # A module, its bytecode, configuration and manifest, and nothing else.
    assert 0 < (found[PUSH, "Grocker"].pushed or 0) < 60_000
    assert all(one.seconds > 0 and one.processor >= 0 for one in bench.samples)
    assert found[COLD, "Grocker"].processor > found[UNCHANGED, "Grocker"].processor
    assert f'"{ADDED}"' in (project.directory / "pyproject.toml").read_text()

    # The mounted cache outlived the cold start: its log has a line for every time that the step was carried out.
    log = docker.docker("run", "--rm", "--network", "none", "--entrypoint", "cat", theirs.tag, "/log")
    assert len(log.splitlines()) >= 2

    held = target.held()
    theirs.push(project.directory, theirs.repository)
    ours.push(project.directory, ours.repository)
    assert target.held() == held

    kept = downloads(cache)
    assert len(kept) > 20
    ours.forget()
    assert docker.docker("image", "ls", "--quiet").split() == docker.docker("image", "ls", "--quiet", BASE).split()
    assert [path.name for path in (cache / "v1").iterdir()] == ["downloads"]
    assert downloads(cache) == kept

    tree = replace(shared, name="tree", tag="bench/tree:1", repository="tree", as_tree=True)
    tree.push(project.directory, tree.repository)
    held = target.held()
    project.change_line(8)
    tree.push(project.directory, tree.repository)
    assert 0 < target.held() - held < 60_000


def test_engine_is_gone_when_the_bench_is(place: Path, environ: dict[str, str]) -> None:
    with engine(place, environ) as found:
        number = found.pid.read_text().strip()
        assert Path(f"/proc/{number}").exists()
    assert not Path(f"/proc/{number}").exists()
    left = subprocess.run(["pgrep", "-f", str(place)], capture_output=True, text=True, check=False).stdout
    assert left == ""
