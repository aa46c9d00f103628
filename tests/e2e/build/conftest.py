"""An installation of Grocker that any user of the host can run, and builds of examples/polls with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grocker.cli.replay import cache_directory
from tests.e2e.output.programs import RealRegistry, registry

ROOT = Path(__file__).parents[3]
_INSTALLED = (
    "msgspec",
    "deflate*",
    "flatbuffers",
    "httptools",
    "packaging",
    "pysequoia*",
    "click",
    "rich",
    "pygments",
    "markdown_it",
)
_INSTALLED_TOO = ("mdurl", "uv", "tomli_w", "zstandard*", "*.so")


@dataclass(frozen=True, slots=True)
class Anywhere:
    """Grocker and the example in a directory that every user can read, and a command line that runs it."""

    directory: Path
    python: str = ""
    """runs it; by default one that every user can run"""

    @property
    def polls(self) -> Path:
        return self.directory / "polls"

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """Return an environment that has nothing of the caller's but the addresses of archive and index."""
        passed = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("GROCKER_DEBIAN", "UV_", "PIP_", "SSL_CERT_", "REQUESTS_CA")) or "proxy" in name.lower()
        }
        return {
            **passed,
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "PYTHONPATH": str(self.directory / "site"),
            "GROCKER_CACHE": str(home / "cache"),
            **more,
        }

    def grocker(
        self,
        *arguments: str,
        environment: Mapping[str, str],
        directory: Path,
        uid: int | None = None,
        umask: int = 0o022,
        under: tuple[str, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run ``grocker`` as that user, below the command ``under``."""
        return subprocess.run(
            [*under, self.python or usable_python(), "-m", "grocker", *arguments],
            env=dict(environment),
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
            cwd=directory,
            umask=umask,
            capture_output=True,
            text=True,
            check=False,
        )

    def build(
        self,
        project: Path,
        *options: str,
        environment: Mapping[str, str],
        uid: int | None = None,
        directory: Path,
        umask: int = 0o022,
        under: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Run ``grocker build --json`` as that user, below the command ``under``; return its result."""
        done = self.grocker(
            *("build", str(project), "--json", *options),
            environment=environment,
            directory=directory,
            uid=uid,
            umask=umask,
            under=under,
        )
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result


def usable_python() -> str:
    """Return an interpreter that other users can run: this one may be in a home directory."""
    ours = Path(sys.executable).resolve()
    if all(parent.stat().st_mode & 0o001 for parent in ours.parents):
        return str(ours)
    version = f"python3.{sys.version_info.minor}"
    found = shutil.which(version, path="/usr/bin:/usr/local/bin")
    if found is None:
        pytest.fail(f"no {version} that another user could run")
    return found


def shared_cache() -> dict[str, str]:
    """Return the variable for the cache of tests that need no empty one: it has Debian's packages already."""
    return {"GROCKER_CACHE": cache_directory(os.environ)}


@pytest.fixture(scope="session")
def anywhere() -> Iterator[Anywhere]:
    import msgspec

    installed = Path(msgspec.__file__).parent.parent
    directory = Path(tempfile.mkdtemp(prefix="grocker-", dir="/var/tmp"))
    directory.chmod(0o755)
    site = directory / "site"
    site.mkdir()
    for pattern in (*_INSTALLED, *_INSTALLED_TOO):
        for found in installed.glob(pattern):
            if found.is_dir():
                # With bytecode: users cannot write it there. Without the temporary files of those who write it now.
                shutil.copytree(found, site / found.name, ignore=shutil.ignore_patterns("*.pyc.*"))
            else:
                shutil.copy(found, site / found.name)
    shutil.copytree(ROOT / "src" / "grocker", site / "grocker", ignore=shutil.ignore_patterns("*.pyc.*"))
    from uv import find_uv_bin

    (site / "bin").mkdir()
    shutil.copy(find_uv_bin(), site / "bin" / "uv")
    shutil.copytree(ROOT / "examples" / "polls", directory / "polls", ignore=shutil.ignore_patterns(".venv", "media"))
    subprocess.run(["chmod", "-R", "a+rX", str(directory)], check=True)
    yield Anywhere(directory)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def home_of(request: pytest.FixtureRequest) -> Callable[[int | None], Path]:
    """Returns a function that makes an empty home directory for a user."""

    def make(uid: int | None) -> Path:
        home = Path(tempfile.mkdtemp(prefix="grocker-home-", dir="/var/tmp"))
        request.addfinalizer(lambda: subprocess.run(["rm", "-rf", home], check=False))  # quicker than Python
        if uid is not None:
            os.chown(home, uid, uid)
        return home

    return make


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RealRegistry]:
    """A real registry of the test's own."""
    with registry(tmp_path) as running:
        yield running


def home_with_polls(home_of: Callable[[int | None], Path], anywhere: Anywhere, setting: str) -> Path:
    """Return a home with examples/polls, to whose ``[tool.grocker]`` the line ``setting`` is added."""
    home = home_of(None)
    shutil.copytree(anywhere.polls, home / "polls")
    settings, table = home / "polls" / "pyproject.toml", "[tool.grocker.services.www]"
    settings.write_text(settings.read_text().replace(table, f"[tool.grocker]\n{setting}\n\n{table}"))
    return home
