from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from grocker.runner.base import scratch
from grocker.runner.base.failure import Failure


def test_scratch_is_empty_and_ours_alone(tmp_path: Path) -> None:
    directory = tmp_path / ".grocker"
    scratch.renew(str(directory))
    (directory / "old").mkdir()
    (directory / "old" / "file").write_text("x")
    (directory / "link").symlink_to(tmp_path)
    directory.chmod(0o777)
    scratch.renew(str(directory))
    assert list(directory.iterdir()) == []
    assert directory.stat().st_mode & 0o777 == 0o700
    assert tmp_path.exists()


def test_scratch_is_emptied_however_deep_it_is(tmp_path: Path) -> None:
    directory = tmp_path / ".grocker"
    scratch.renew(str(directory))
    deep = directory
    for _ in range(1200):
        deep /= "d"
        deep.mkdir()
    scratch.renew(str(directory))
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "link"])
def test_scratch_is_refused_when_it_is_no_directory(tmp_path: Path, kind: str) -> None:
    directory = tmp_path / ".grocker"
    if kind == "file":
        directory.write_text("")
    else:
        (tmp_path / "elsewhere").mkdir()
        directory.symlink_to("elsewhere")
    with pytest.raises(Failure) as caught:
        scratch.renew(str(directory))
    assert caught.value.status == 73


@pytest.mark.fault(number=38)
def test_scratch_is_refused_while_a_service_has_it(tmp_path: Path) -> None:
    directory = str(tmp_path / ".grocker")
    scratch.renew(directory)
    claimed, say = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            scratch.claim(directory)
            os.write(say, b".")
            signal.pause()
        finally:
            os._exit(1)
    os.close(say)
    assert os.read(claimed, 1) == b"."
    os.close(claimed)
    with pytest.raises(Failure) as caught:
        scratch.renew(directory)
    assert caught.value.status == 64
    assert "grocker-runner exec" in caught.value.message
    assert (tmp_path / ".grocker" / scratch.SUPERVISED).exists()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    scratch.renew(directory)
    assert os.listdir(directory) == [], "as after a restart of the container"


def test_scratch_keeps_the_start_for_exec(tmp_path: Path) -> None:
    directory = str(tmp_path / ".grocker")
    scratch.renew(directory)
    record = scratch.StartRecord(prepared={"A": "x=y\nz", "B": "", "C": "\udcff"}, given={"A": "1"}, failure="wrong: ä")
    scratch.save(directory, record)
    assert scratch.load(directory) == record
    assert {path.stat().st_mode & 0o777 for path in Path(directory).iterdir()} == {0o600}


def test_scratch_has_nothing_for_exec_when_nothing_was_prepared(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        scratch.load(str(tmp_path / ".grocker"))
    assert caught.value.status == 78


def test_scratch_never_follows_a_link_when_it_writes(tmp_path: Path) -> None:
    (tmp_path / "file").symlink_to("victim")
    with pytest.raises(Failure):
        scratch.write(str(tmp_path / "file"), b"x")
    assert not os.path.lexists(tmp_path / "victim")
