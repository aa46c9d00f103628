"""Same input, same bytes: whoever builds, wherever, whenever; no root, no engine, no name space and no sudo."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from grocker.images.layout import problems
from tests.e2e.build.conftest import Anywhere, shared_cache

pytestmark = [pytest.mark.e2e, pytest.mark.network, pytest.mark.timeout(300)]


@pytest.mark.root
def test_two_builds_give_one_digest_when_everything_around_them_differs(
    anywhere: Anywhere, home_of: Callable[[int | None], Path]
) -> None:
    """The second user has an empty cache and may do nothing; the layout is valid."""
    first_home, second_home = home_of(None), home_of(4321)
    first = anywhere.build(
        anywhere.polls,
        *("--output", "store"),
        environment=anywhere.environment(first_home, TZ="UTC", LC_ALL="C.UTF-8", **shared_cache()),
        directory=anywhere.polls,
    )
    other = second_home / "elsewhere" / "a project"
    shutil.copytree(anywhere.polls, other)
    for number, path in enumerate(sorted(other.rglob("*"))):
        path.chmod(0o700 if path.is_dir() or (os.access(path, os.X_OK) and path.stat().st_mode & 0o100) else 0o600)
        os.utime(path, (1_000_000_000 + number, 1_000_000_000 + number))
    subprocess.run(["chown", "-R", "4321:4321", str(second_home)], check=True)
    tools = second_home / "bin"
    tools.mkdir()
    for name in ("sh", "env", "uname", "git"):  # and neither docker, podman, sudo nor unshare
        found = shutil.which(name)
        if found:
            (tools / name).symlink_to(found)
    places = {"PATH": str(tools), "DOCKER_HOST": f"unix://{second_home}/none.sock", "TMPDIR": str(second_home)}
    second = anywhere.build(
        Path("elsewhere/a project"),
        *("--output", f"oci:{second_home}/layout"),
        environment=anywhere.environment(
            second_home, TZ="Australia/Lord_Howe", LC_ALL="tr_TR.UTF-8", PYTHONHASHSEED="7", **places
        ),
        uid=4321,
        directory=second_home,
        umask=0o077,
        under=("/usr/bin/setpriv", "--no-new-privs"),
    )
    assert [layer["digest"] for layer in first["images"][0]["layers"]] == [
        layer["digest"] for layer in second["images"][0]["layers"]
    ]
    assert first["digest"] == second["digest"]
    assert all(layer["new"] for layer in second["images"][0]["layers"])
    assert problems(second_home / "layout") == ()
    inspected = subprocess.run(
        ["skopeo", "inspect", f"oci:{second_home}/layout"], capture_output=True, text=True, check=False
    )
    assert inspected.returncode == 0, inspected.stderr
    assert json.loads(inspected.stdout)["Digest"] == second["digest"]
