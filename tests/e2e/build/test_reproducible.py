"""Same input, same bytes: whoever builds, wherever, whenever."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.build.conftest import Anywhere

pytestmark = [pytest.mark.e2e, pytest.mark.network, pytest.mark.timeout(300)]


@pytest.mark.root
def test_two_builds_give_one_digest_when_everything_around_them_differs(
    anywhere: Anywhere, home_of: Callable[[int | None], Path]
) -> None:
    first_home, second_home = home_of(None), home_of(4321)
    first = anywhere.build(
        anywhere.polls,
        *("--output", "store"),
        environment=anywhere.environment(first_home, TZ="UTC", LC_ALL="C.UTF-8"),
        directory=anywhere.polls,
    )
    other = second_home / "elsewhere" / "a project"
    shutil.copytree(anywhere.polls, other)
    for number, path in enumerate(sorted(other.rglob("*"))):
        path.chmod(0o700 if path.is_dir() or (os.access(path, os.X_OK) and path.stat().st_mode & 0o100) else 0o600)
        os.utime(path, (1_000_000_000 + number, 1_000_000_000 + number))
    subprocess.run(["chown", "-R", "4321:4321", str(second_home)], check=True)
    second = anywhere.build(
        Path("elsewhere/a project"),
        *("--output", "store"),
        environment=anywhere.environment(
            second_home, TZ="Australia/Lord_Howe", LC_ALL="tr_TR.UTF-8", PYTHONHASHSEED="7", TMPDIR=str(second_home)
        ),
        uid=4321,
        directory=second_home,
        umask=0o077,
    )
    assert [layer["digest"] for layer in first["images"][0]["layers"]] == [
        layer["digest"] for layer in second["images"][0]["layers"]
    ]
    assert first["digest"] == second["digest"]
    assert all(layer["new"] for layer in second["images"][0]["layers"])
