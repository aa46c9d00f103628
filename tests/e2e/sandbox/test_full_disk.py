"""An sdist that fills the disk of the cache while it is built: one error, and nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.build.conftest import Anywhere
from tests.support.compilers import write_project

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.network]
_SDIST = {
    "backend.py": """
        import itertools
        def build_wheel(directory, settings=None, metadata=None):
            for number in itertools.count():
                with open(f"{directory}/{number}", "wb") as stream:
                    stream.write(bytes(100_000))
        """,
    "pyproject.toml": """
        [build-system]
        requires = []
        build-backend = "backend"
        backend-path = ["."]
        """,
    "PKG-INFO": "Metadata-Version: 2.1\nName: made-up-filling\nVersion: 1.0\n",
}


def test_build_fails_and_leaves_nothing_when_an_sdist_fills_the_disk(
    anywhere: Anywhere, home_of: Callable[[int | None], Path]
) -> None:
    home = home_of(None)
    project = write_project(home / "project", "made-up-filling", _SDIST)
    cache = home / "cache"
    cache.mkdir()
    small = f'mount -t tmpfs -o size=1g none {cache}; "$@"; status=$?; ls {cache}/v1/tmp; df {cache} >&2; exit $status'
    done = anywhere.grocker(
        *("build", str(project), "--output", "store", "--quiet"),
        environment=anywhere.environment(home),
        directory=home,
        under=("unshare", "--mount", "sh", "-c", small, "sh"),
    )
    assert done.returncode == 74, done.stderr
    assert done.stdout == ""
    [error] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "made-up-filling" in error
    assert "stopped because the disk is almost full (" in error
    assert "hint: free space (grocker prune), or use a larger disk (GROCKER_CACHE)\n" in done.stderr
    used = int(done.stderr.splitlines()[-1].split()[2])
    assert used < 200_000
