"""Which kind of sandbox there is in which place: the table of docs/explanation/sandbox.md, each line tried."""

from __future__ import annotations

import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.platforms.suites import SUITES
from tests.e2e.build.conftest import ROOT, Anywhere, anywhere  # noqa: F401 - a fixture
from tests.e2e.contract.engine import Engine

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.network]
PAGE = ROOT / "docs" / "explanation" / "sandbox.md"
USER = "4324"
_OPTIONS = {"default profile": (), "`seccomp=unconfined`": ("--security-opt", "seccomp=unconfined")}
_TRY = """\
import tempfile
from pathlib import Path
from grocker.errors import GrockerError
from grocker.sandbox.run import find_isolation
try:
    print(find_isolation(Path(tempfile.mkdtemp())))
except GrockerError as error:
    print("none:", error.message)
"""


def _table() -> dict[str, tuple[str, str]]:
    """By place, the kinds for root and for another user."""
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ") and line.count("|") == 4]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {
        place: (root.strip("`"), other.strip("`"))
        for place, root, other in cells
        if place.startswith(("docker", "podman"))
    }


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image with the Python of the tests, in docker and podman."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    suite = next((row.name for row in SUITES.values() if row.python == own), None)
    if suite is None:
        pytest.skip(f"no Debian suite has Python {own}")
    project = tmp_path_factory.mktemp("place")
    (project / "app.py").write_text("print('here')\n")
    name = f"grocker-test-place-{uuid.uuid4().hex[:8]}:1"
    build: list[str | Path] = [sys.executable, "-m", "grocker", "build", project, "--debian", suite, "--tag", name]
    subprocess.run([*build, "--output", "docker", "--output", "podman", "--quiet"], check=True, capture_output=True)
    yield name
    for engine in ("docker", "podman"):
        subprocess.run([engine, "rmi", "--force", name], capture_output=True, check=False)


@pytest.mark.docker
@pytest.mark.podman
@pytest.mark.parametrize("name", ["docker", "podman"])
@pytest.mark.parametrize("options", _OPTIONS)
def test_container_has_the_sandbox_that_the_page_says(
    image: str,
    anywhere: Anywhere,  # noqa: F811
    name: str,
    options: str,
) -> None:
    prefix = ("--runtime", "runc") if name == "podman" and shutil.which("runc") else ()
    engine = Engine(name, image, prefix)
    site = ("--volume", f"{anywhere.directory / 'site'}:/site:ro", "--env", "PYTHONPATH=/site")
    found = []
    for user in ("0", USER):
        given = [*_OPTIONS[options], *site, "--user", user, "--entrypoint", "/usr/bin/python3"]
        done = engine.run("-c", _TRY, options=given)
        assert done.status == 0, done.err
        found.append(done.out.strip().partition(":")[0])
    assert tuple(found) == _table()[f"{name}, {options}"]
