"""A build that says that nothing changed is right, however a change hides."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.wheels import make_project
from tests.support.world import World

pytestmark = pytest.mark.slow
BUILD = ("build", "PROJECT", "--config", "CONFIG", "--output", "archive:OUT")


@pytest.fixture
def lasting(made_up: World) -> Iterator[World]:
    """A world whose archive and index keep their addresses from one build to the next."""
    with made_up.archive.serve() as mirror:
        made_up.environ |= {
            "GROCKER_DEBIAN_MIRROR": mirror,
            "GROCKER_DEBIAN_SECURITY_MIRROR": mirror,
            "UV_DEFAULT_INDEX": made_up.index.url,
        }
        yield made_up


def rewrite(path: Path, old: str, new: str) -> None:
    """Change a file without a trace in its size and modification time."""
    before, directory = path.stat(), path.parent.stat()
    text = path.read_text()
    assert old in text
    assert len(old) == len(new)
    path.write_text(text.replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.utime(path.parent, ns=(directory.st_atime_ns, directory.st_mtime_ns))


def settings_file(world: World) -> None:
    rewrite(world.place / "grocker.toml", "COLOUR1", "COLOUR2")


def source(world: World) -> None:
    rewrite(world.project / "demo" / "__init__.py", "x = 1", "x = 2")


def base_configuration_below_build(world: World) -> None:
    rewrite(world.project / "build" / "base.ini", "key = 1", "key = 2")


def target_of_a_link(world: World) -> None:
    rewrite(world.project / "node" / "crontab", "job one", "job two")


def procfile(world: World) -> None:
    rewrite(world.project / "Procfile", "-c 1", "-c 2")


def tag(world: World) -> None:
    subprocess.run(["git", "-C", world.project, "tag", "-f", "v2"], check=True, capture_output=True)


@pytest.mark.parametrize(
    "change", [settings_file, source, base_configuration_below_build, target_of_a_link, procfile, tag]
)
def test_build_sees_every_change_of_what_it_read(lasting: World, change: Callable[[World], None]) -> None:
    make_project(
        lasting.project,
        {
            "demo/__init__.py": "x = 1\n",
            "build/base.ini": "[a]\nkey = 1\n",
            "node/crontab": "* * * * * job one\n",
            "Procfile": "www: python -c 1\n",
        },
    )
    (lasting.project / "crontab").symlink_to("node/crontab")
    lasting.configure('base-config = "build/base.ini"\ncrontab = "crontab"\n[env]\nCOLOUR1 = "a"')
    if change is tag:  # the version comes from git, as far as Grocker knows
        path = lasting.project / "pyproject.toml"
        path.write_text(path.read_text().replace('version = "1.0"', 'dynamic = ["version"]'))
        for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["tag", "v1"]):
            name = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
            subprocess.run(["git", "-C", lasting.project, *name, *arguments], check=True)
    time.sleep(2.1)  # younger files are never believed
    assert lasting.run(BUILD).status == 0
    lasting.allowed = ("out",)
    same = lasting.run(BUILD)
    assert "nothing changed" in same.stderr, same.stderr
    change(lasting)
    after = lasting.run(BUILD)
    assert after.status == 0
    assert "nothing changed" not in after.stderr
    if change is not tag:
        assert after.stdout != same.stdout


def test_build_of_a_tree_sees_what_its_requirements_include(lasting: World) -> None:
    """A directory without a build system; the included file lies where nothing of the tree counts."""
    lasting.write(
        {
            "app.py": "x = 1\n",
            "requirements.txt": "-r build/more.txt\n",
            "build/more.txt": "# one\n",
            "build/base.ini": "[a]\nkey = 1\n",
        }
    )
    lasting.configure('base-config = "build/base.ini"')
    time.sleep(2.1)
    for path, old, new in (("build/more.txt", "one", "two"), ("build/base.ini", "key = 1", "key = 2")):
        lasting.run(BUILD)
        same = lasting.run(BUILD)
        assert "nothing changed" in same.stderr, same.stderr
        rewrite(lasting.project / path, old, new)
        assert "nothing changed" not in lasting.run(BUILD).stderr
        time.sleep(2.1)
