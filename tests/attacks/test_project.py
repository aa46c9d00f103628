"""A project that somebody else wrote: what it names, links to and puts in the way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from grocker.config.settings import Settings
from grocker.errors import SettingsError
from grocker.inputs import documents
from grocker.python import InstallScheme, Wheel, read_wheel
from tests.support.wheels import make_wheel

pytestmark = pytest.mark.slow

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\n"
"""what must not get into an image"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project beside a folder of keys."""
    directory = tmp_path / "project"
    directory.mkdir()
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "x.ini").write_text(KEY)
    return directory


@pytest.fixture
def wheel(tmp_path: Path) -> Wheel:
    return read_wheel(make_wheel(tmp_path), InstallScheme("3.13"))


def linked_directory(project: Path) -> str:
    (project / "node_modules").symlink_to("../keys")
    return "node_modules/x.ini"


def linked_file(project: Path) -> str:
    (project / "x.ini").symlink_to("../keys/x.ini")
    return "x.ini"


def absolute_link(project: Path) -> str:
    (project / "conf").symlink_to(project.parent / "keys")
    return "conf/x.ini"


def chain_of_links(project: Path) -> str:
    (project / "a").symlink_to("b")
    (project / "b").symlink_to("../keys")
    return "a/x.ini"


def link_to_a_link_outside(project: Path) -> str:
    (project.parent / "outside").symlink_to("keys")
    (project / "conf").symlink_to("../outside")
    return "conf/x.ini"


def process_environment(project: Path) -> str:
    (project / "proc").symlink_to("/proc/self")
    return "proc/environ"


def endless_device(project: Path) -> str:
    (project / "zero").symlink_to("/dev/zero")
    return "zero"


def fifo(project: Path) -> str:
    os.mkfifo(project / "pipe")
    return "pipe"


def too_large(project: Path) -> str:
    with (project / "large").open("wb") as stream:
        stream.truncate(1 << 32)
    return "large"


def directory(project: Path) -> str:
    (project / "conf").mkdir()
    return "conf"


def repository(project: Path) -> str:
    """git keeps the token of a clone's address in it."""
    (project / ".git").mkdir()
    (project / ".git" / "config").write_text("url = https://token@example.com\n")
    return ".git/config"


def link_to_the_repository(project: Path) -> str:
    repository(project)
    (project / "x.ini").symlink_to(".git/config")
    return "x.ini"


ATTACKS = (
    *(linked_directory, linked_file, absolute_link, chain_of_links, link_to_a_link_outside, process_environment),
    *(endless_device, fifo, too_large, directory, repository, link_to_the_repository),
)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("setting", ["base-config", "crontab", "Procfile"])
def test_setting_names_no_file_but_a_regular_one_of_the_project(
    project: Path, wheel: Wheel, attack: Callable[[Path], str], setting: str
) -> None:
    named = attack(project)
    with pytest.raises(SettingsError, match=setting):
        if setting == "base-config":
            documents.read_base_config(project, Settings(base_config=named), wheel)
        elif setting == "crontab":
            documents.read_crontab(project, Settings(crontab=named), wheel)
        else:
            if named != "Procfile":
                (project / "Procfile").symlink_to(named)
            documents.read_procfile(project)


def test_setting_names_a_file_through_links_that_stay_in_the_project(project: Path, wheel: Wheel) -> None:
    (project / "build").mkdir()
    (project / "build" / "x.ini").write_text("[a]\nb = c\n")
    (project / "conf").symlink_to("build")
    for name in ("build/x.ini", "conf/x.ini"):
        assert documents.read_base_config(project, Settings(base_config=name), wheel) == ("[a]\nb = c\n", name)
