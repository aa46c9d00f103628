from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grocker.runner.base import scratch
from grocker.runner.base.failure import Failure


@contextmanager
def running(directory: str, *, service: bool = False, identity: bytes | None = None) -> Iterator[None]:
    """Another runner, which has created the directory."""
    ready, say = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if identity is not None:
                scratch.identify_container = lambda: identity
            scratch.create(directory)
            if service:
                scratch.claim(directory)
            os.write(say, b".")
            signal.pause()
        finally:
            os._exit(1)
    os.close(say)
    assert os.read(ready, 1) == b"."
    os.close(ready)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_scratch_is_a_new_directory_of_ours_alone(tmp_path: Path) -> None:
    prefix = str(tmp_path / ".grocker")
    old = os.umask(0)
    try:
        names = {scratch.new_name(prefix) for _ in range(100)}
        scratch.create(names.copy().pop())
    finally:
        os.umask(old)
    assert len(names) == 100
    (made,) = tmp_path.iterdir()
    assert made.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in made.iterdir()} == {0o600}


def test_scratch_of_dead_starts_is_removed_however_deep_it_is(tmp_path: Path) -> None:
    prefix = str(tmp_path / ".grocker")
    dead = Path(scratch.new_name(prefix))
    with running(str(dead), service=True, identity=b"another container"):
        deep = dead
        for _ in range(1200):
            deep /= "d"
            deep.mkdir()
        (dead / "link").symlink_to(tmp_path)
    now = scratch.new_name(prefix)
    scratch.create(now)
    assert [str(path) for path in tmp_path.iterdir()] == [now]


@pytest.mark.parametrize("kind", ["file", "link", "foreign name"])
def test_scratch_leaves_alone_what_is_not_the_runner_s(tmp_path: Path, kind: str) -> None:
    other = tmp_path / (f".grocker-{0:016}" if kind != "foreign name" else ".grocker-mine")
    if kind == "file":
        other.write_text("")
    elif kind == "link":
        (tmp_path / "elsewhere").mkdir()
        other.symlink_to("elsewhere")
    else:
        other.mkdir()
        os.utime(other, (0, 0))
    scratch.create(scratch.new_name(str(tmp_path / ".grocker")))
    assert os.path.lexists(other)


def test_scratch_that_has_just_been_begun_is_left_alone(tmp_path: Path) -> None:
    """Two containers of a pod start at the same time."""
    begun, old = tmp_path / f".grocker-{1:016}", tmp_path / f".grocker-{2:016}"
    for directory in (begun, old):
        directory.mkdir()
        (directory / "container").touch()
    os.utime(old, (0, 0))
    scratch.create(scratch.new_name(str(tmp_path / ".grocker")))
    assert begun.exists()
    assert not old.exists()


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_scratch_that_exists_is_never_used(tmp_path: Path, kind: str) -> None:
    directory = tmp_path / f".grocker-{3:016}"
    if kind == "link":
        directory.symlink_to(tmp_path)
    elif kind == "file":
        directory.write_text("")
    else:
        directory.mkdir()
    with pytest.raises(Failure) as caught:
        scratch.create(str(directory))
    assert caught.value.status == 73


@pytest.mark.fault(number=38)
def test_scratch_is_refused_while_a_service_of_this_container_runs(tmp_path: Path) -> None:
    prefix = str(tmp_path / ".grocker")
    service = scratch.new_name(prefix)
    with running(service, service=True):
        with pytest.raises(Failure) as caught:
            scratch.create(scratch.new_name(prefix))
        assert caught.value.status == 64
        assert "grocker-runner exec" in caught.value.message
        assert os.listdir(tmp_path) == [os.path.basename(service)]
    scratch.create(scratch.new_name(prefix))
    assert not os.path.exists(service), "as after a restart of the container"


@pytest.mark.parametrize("service", [False, True])
def test_containers_that_share_tmp_keep_apart(tmp_path: Path, service: bool) -> None:
    prefix = str(tmp_path / ".grocker")
    other, own = scratch.new_name(prefix), scratch.new_name(prefix)
    with running(other, service=service, identity=b"another container"):
        assert not os.path.lexists(scratch.find(prefix)), "nothing was started in this one"
        scratch.create(own)
        assert scratch.find(prefix) == own
        assert scratch.find(prefix, named=other) == own, "whatever the environment says"
        assert os.path.exists(f"{other}/container")


def test_start_of_the_container_is_found_before_later_ones(tmp_path: Path) -> None:
    prefix = str(tmp_path / ".grocker")
    first, second = scratch.new_name(prefix), scratch.new_name(prefix)
    with running(first):
        os.utime(f"{first}/container", (1, 1))  # the clock of files may not tick before the second one starts
        with running(second):
            assert scratch.find(prefix) == first
            assert scratch.find(prefix, named=second) == second, "inside the second, its own"
            assert scratch.find(prefix, named="/etc") == first
        assert scratch.find(prefix) == first
    os.utime(f"{first}/container", (0, 0))
    with running(third := scratch.new_name(prefix)):
        assert scratch.find(prefix) == third


def test_container_is_told_by_its_mount_namespace() -> None:
    assert scratch.identify_container().endswith(os.readlink("/proc/self/ns/mnt").encode())
    assert scratch.identify_container() == scratch.identify_container()
    unshared = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", "import os; print(os.readlink('/proc/self/ns/mnt'))"],
        capture_output=True,
        text=True,
        check=False,
    )
    if unshared.returncode == 0:  # as root
        assert unshared.stdout.strip().encode() not in scratch.identify_container()


def test_scratch_keeps_the_start_for_exec(tmp_path: Path) -> None:
    directory = scratch.new_name(str(tmp_path / ".grocker"))
    scratch.create(directory)
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
