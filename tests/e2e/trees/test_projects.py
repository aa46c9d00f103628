"""Projects as people have them, built without an edit, and what their images do.

Each file in ``projects`` is one: what is expected of it (TOML), then its files, each below a line ``-- PATH --``.
``source``: the directory to build; ``links``: links to make in it; ``env``: variables of the container; ``commands``:
what to run, its status and what it says; ``serves``: a service, and what 8080 or its log says; ``absent``: strings that
no byte of the image may contain.
"""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.contract.engine import Container, Engine
from tests.support.patience import PATIENCE

PROJECTS = Path(__file__).parent / "projects"
NOT_YET: dict[str, str] = {}
pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.network, pytest.mark.long(30)]


@dataclass(frozen=True)
class Project:
    """A project on the disk, and what is expected of its image."""

    directory: Path
    expected: dict[str, Any]
    name: str


def unpack(name: str, place: Path) -> Project:
    """Write the project's files below ``place``."""
    head, *files = re.split(r"^-- (.+) --\n", (PROJECTS / f"{name}.txt").read_text("utf-8"), flags=re.M)
    for path, text in zip(files[::2], files[1::2], strict=True):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text, "utf-8")
    expected = tomllib.loads(head)
    directory = place / expected.get("source", ".")
    for link, target in expected.get("links", {}).items():
        (directory / link).symlink_to(target)
    return Project(directory, expected, name)


@pytest.fixture(params=sorted(path.stem for path in PROJECTS.glob("*.txt") if path.stem not in NOT_YET))
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    return unpack(request.param, tmp_path / request.param)


def test_E14_source_tree_does_its_work_when_it_is_built_as_it_is(project: Project, tmp_path: Path) -> None:
    """Outside a git repository, and in one: as a rule that is the same image."""
    plain = build(project, tmp_path / "plain")
    check(project, tmp_path / "plain")
    top = project.directory.parent if "source" in project.expected else project.directory
    for words in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *words], cwd=top, check=True)
    if build(project, tmp_path / "git") != plain:
        check(project, tmp_path / "git")


def build(project: Project, layout: Path) -> str:
    """Build into docker, with the name of ``layout`` as the tag, and into that if it is read; return the digest."""
    image = f"grocker-test-tree-{project.name}:{layout.name}"
    grocker = [sys.executable, "-m", "grocker", "build", ".", "-t", image, "-o", "docker"]
    grocker += ["-o", f"oci:{layout}"] if "absent" in project.expected else []
    built = subprocess.run(grocker, cwd=project.directory, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return built.stdout.strip().rpartition("@")[2]


def check(project: Project, layout: Path) -> None:
    """Run the image, and look for what is expected of it."""
    docker = Engine("docker", f"grocker-test-tree-{project.name}:{layout.name}")
    options = [word for name, value in project.expected.get("env", {}).items() for word in ("-e", f"{name}={value}")]
    for command in project.expected.get("commands", []):
        done = docker.run(*command["run"], options=options)
        assert done.status == command.get("status", 0), done.out + done.err
        assert command.get("says", "") in done.out
    for served in project.expected.get("serves", []):
        with docker.started("start", served["start"], options=options) as container:
            if "log" in served:
                container.wait_for(served["log"])
            else:
                assert served["says"] in get(container, served["get"])
    for needle in project.expected.get("absent", []):
        assert [path.name for path in _blobs(layout) if needle.encode() in _plain(path)] == []


def get(container: Container, path: str, seconds: float = PATIENCE) -> str:
    """Return what 8080 answers, asked as ``localhost`` until it does."""
    limit = time.monotonic() + seconds
    while True:
        try:
            request = urllib.request.Request(f"http://{container.address()}:8080{path}", headers={"Host": "localhost"})
            with urllib.request.urlopen(request, timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.2)
        assert time.monotonic() < limit and container.running(), f"{path}: {container.logs()}"


def _blobs(layout: Path) -> Iterator[Path]:
    yield from (layout / "blobs" / "sha256").iterdir()


def _plain(blob: Path) -> bytes:
    data = blob.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
