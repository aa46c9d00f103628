"""A build needs no root, no engine, no name space and no sudo."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from grocker.images.layout import problems
from tests.e2e.build.conftest import Anywhere

pytestmark = [pytest.mark.e2e, pytest.mark.network, pytest.mark.root, pytest.mark.timeout(300)]


def test_build_makes_a_valid_layout_when_the_user_may_do_nothing(
    anywhere: Anywhere, home_of: Callable[[int | None], Path]
) -> None:
    home = home_of(4321)
    tools = home / "bin"
    tools.mkdir()
    for name in ("sh", "env", "uname", "git"):  # and neither docker, podman, sudo nor unshare
        found = shutil.which(name)
        if found:
            (tools / name).symlink_to(found)
    result = anywhere.build(
        anywhere.polls,
        *("--output", f"oci:{home}/layout"),
        environment=anywhere.environment(home, PATH=str(tools), DOCKER_HOST=f"unix://{home}/none.sock"),
        uid=4321,
        directory=home,
        under=("/usr/bin/setpriv", "--no-new-privs"),
    )
    assert problems(home / "layout") == ()
    inspected = subprocess.run(["skopeo", "inspect", f"oci:{home}/layout"], capture_output=True, text=True, check=False)
    assert inspected.returncode == 0, inspected.stderr
    assert json.loads(inspected.stdout)["Digest"] == result["digest"]
