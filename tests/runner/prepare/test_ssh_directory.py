from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from grocker.runner.base.failure import Failure
from grocker.runner.prepare import ssh_directory


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "ssh-dir"
    folder.mkdir()
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def _modes(folder: Path) -> dict[str, str]:
    return {path.name: f"{path.lstat().st_mode & 0o7777:o}" for path in [folder, *folder.iterdir()]}


def test_ssh_directory_is_copied_whatever_modes_and_umask(source: Path, home: Path) -> None:
    for name, mode in {"id_rsa": 0o777, "config": 0o444, ".hidden": 0o600}.items():
        (source / name).write_text(name)
        (source / name).chmod(mode)
    umask = os.umask(0o777)
    try:
        ssh_directory.copy_ssh_directory(str(source), str(home))
    finally:
        os.umask(umask)
    assert _modes(home / ".ssh") == {".ssh": "700", "id_rsa": "600", "config": "600", ".hidden": "600"}
    assert (home / ".ssh" / "id_rsa").read_text() == "id_rsa"


@pytest.mark.parametrize("kind", ["directory", "file", "link"])
def test_ssh_directory_is_made_anew_when_there_is_one(source: Path, home: Path, kind: str) -> None:
    (source / "new").write_text("new")
    old = home / ".ssh"
    if kind == "directory":
        (old / "old").mkdir(parents=True)
        (old / "old" / "file").write_text("")
    elif kind == "file":
        old.write_text("")
    else:
        (home / "kept").mkdir()
        (home / "kept" / "file").write_text("")
        old.symlink_to("kept")
    ssh_directory.copy_ssh_directory(str(source), str(home))
    assert [path.name for path in old.iterdir()] == ["new"]
    assert not old.is_symlink()
    assert kind != "link" or (home / "kept" / "file").exists()


def test_ssh_directory_is_left_alone_when_there_is_no_source(tmp_path: Path, home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "mine").write_text("")
    ssh_directory.copy_ssh_directory(str(tmp_path / "absent"), str(home))
    assert (home / ".ssh" / "mine").exists()


def test_ssh_directory_follows_links_inside_alone(source: Path, home: Path, tmp_path: Path) -> None:
    (source / "..2026").mkdir()
    (source / "..2026" / "key").write_text("key")
    (source / "..data").symlink_to("..2026")
    (source / "key").symlink_to("..data/key")
    ssh_directory.copy_ssh_directory(str(source), str(home))
    assert (home / ".ssh" / "key").read_text() == "key"
    assert not (home / ".ssh" / "key").is_symlink()
    (tmp_path / "ssh-dir-outside").write_text("secret")
    (source / "bad").symlink_to("../ssh-dir-outside")
    with pytest.raises(Failure, match="links to a file outside") as caught:
        ssh_directory.copy_ssh_directory(str(source), str(home))
    assert caught.value.status == 78


def test_ssh_directory_may_itself_be_a_link(source: Path, home: Path, tmp_path: Path) -> None:
    (source / "key").write_text("key")
    (tmp_path / "link").symlink_to("ssh-dir")
    ssh_directory.copy_ssh_directory(str(tmp_path / "link"), str(home))
    assert (home / ".ssh" / "key").exists()


def test_ssh_directory_warns_of_what_it_leaves_out(source: Path, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (source / "folder").mkdir()
    os.mkfifo(source / "pipe")
    ssh_directory.copy_ssh_directory(str(source), str(home))
    assert capfd.readouterr().err == (
        f"grocker: warning: {source}/folder: skipped, not a regular file\n"
        f"grocker: warning: {source}/pipe: skipped, not a regular file\n"
    )


def test_ssh_directory_is_a_failure_of_73_when_the_home_is_missing(source: Path, tmp_path: Path) -> None:
    ssh_directory.copy_ssh_directory(str(source), str(tmp_path / "absent"))
    (source / "key").write_text("key")
    with pytest.raises(Failure) as caught:
        ssh_directory.copy_ssh_directory(str(source), str(tmp_path / "absent"))
    assert caught.value.status == 73


@pytest.mark.fault(number=29)
def test_ssh_directory_may_hold_more_files_than_may_be_open(source: Path, home: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for number in range(300):
        (source / f"key{number}").write_text("key")
    before = os.listdir("/proc/self/fd")
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(before) + 100, hard))
    try:
        ssh_directory.copy_ssh_directory(str(source), str(home))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(list((home / ".ssh").iterdir())) == 300
    assert os.listdir("/proc/self/fd") == before
