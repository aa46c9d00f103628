"""Disks that are full, refuse or fail: the error says what to do, and nothing half-written is left."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grocker import digest as digests
from grocker.errors import CannotWriteError, GrockerError, StorageError
from grocker.store import Store
from grocker.store.check import check
from grocker.store.writing import destination, remove_tree, storage, storage_error
from grocker.tar import member as members
from grocker.tar.entry import File
from tests.support.user import ordinary_user

LARGE = bytes(range(256)) * 4096
"""1 MB"""


@pytest.mark.parametrize(
    ("number", "kind", "hint"),
    [
        (errno.ENOSPC, StorageError, "free space"),
        (errno.EDQUOT, StorageError, "free space"),
        (errno.EFBIG, StorageError, "free space"),
        (errno.EACCES, CannotWriteError, "GROCKER_CACHE"),
        (errno.EROFS, CannotWriteError, "GROCKER_CACHE"),
        (errno.ENOENT, CannotWriteError, "--output"),
        (errno.ENOTDIR, CannotWriteError, "--output"),
        (errno.EIO, StorageError, "check the file system"),
    ],
)
def test_storage_error_says_what_to_do(number: int, kind: type[GrockerError], hint: str) -> None:
    error = storage_error(OSError(number, os.strerror(number)), "writing", Path("/srv/x"))
    assert type(error) is kind
    assert error.message == f"writing /srv/x: {os.strerror(number)}"
    assert hint in (error.hint or "")


def test_storage_leaves_errors_alone_when_they_are_ours() -> None:
    with pytest.raises(CannotWriteError, match="own"), storage("writing", Path("/srv/x")):
        raise CannotWriteError("own")


@contextmanager
def small_files(limit: int) -> Iterator[None]:
    """No file of this process grows beyond ``limit`` bytes: what a full disk is, where nobody may mount one."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def keep_download(store: Store) -> None:
    store.keep_download([LARGE[:500], LARGE[500:]], digest=digests.of(LARGE), size=len(LARGE), what="x")


def add_blob(store: Store) -> None:
    store.add_blob(LARGE)


def keep(store: Store) -> None:
    store.keep("steps", "source-k", LARGE)


def make_member(store: Store) -> None:
    members.make_member(store, "k", [File("f", os.urandom(1 << 20))], subject="x", epoch=0)


def new_blob(store: Store) -> None:
    with store.new_blob() as blob:
        for start in range(0, len(LARGE), 1000):
            blob.write(LARGE[start : start + 1000])


WAYS: tuple[Callable[[Store], None], ...] = (keep_download, add_blob, keep, make_member, new_blob)


def files(store: Store) -> list[str]:
    return [str(p) for p in store.root.rglob("*") if p.is_file() and p.name != "owner" and p.parent.name != "locks"]


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_when_a_file_may_not_grow(store: Store, way: Callable[[Store], None]) -> None:
    with small_files(300_000), pytest.raises(StorageError, match="File too large"):
        way(store)
    assert files(store) == []
    way(store)
    assert check(store) == ()


@pytest.mark.root
@pytest.mark.e2e
@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_when_the_disk_is_full(tmp_path: Path, way: Callable[[Store], None]) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", place], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"this root may not mount: {mounted.stderr.strip()}")
    try:
        with Store.open(place) as store:
            with pytest.raises(StorageError, match="No space left on device"):
                way(store)
            assert files(store) == []
    finally:
        subprocess.run(["umount", place], check=True)


@contextmanager
def unprivileged() -> Iterator[Path]:
    """A directory that the running user, for as long as the block lasts an ordinary one, may read but not write."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "cache").mkdir(0o555)
        place.chmod(0o755)
        with ordinary_user():
            yield place / "cache"
        (place / "cache").chmod(0o755)


def test_store_is_refused_when_its_place_may_not_be_written() -> None:
    with unprivileged() as place, pytest.raises(CannotWriteError, match=r"opening the cache .*: Permission denied"):
        Store.open(place)


def test_destination_is_no_device_whose_place_a_file_would_take(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "stdout").symlink_to("pipe")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    for name, reason in (("pipe", "not a regular file"), ("stdout", "not a regular file"), (".", "a directory")):
        with pytest.raises(CannotWriteError, match=f"it is {reason}"):
            destination(tmp_path / name)
    assert destination(tmp_path / "link") == tmp_path / "file"
    assert destination(tmp_path / "new") == tmp_path / "new"


@pytest.mark.slow
def test_tree_is_removed_when_it_is_nested_deeper_than_a_path_reaches(tmp_path: Path) -> None:
    top, here = tmp_path / "tree", os.getcwd()
    top.mkdir()
    os.chdir(top)
    try:
        for _ in range(3000):
            os.mkdir("d")
            Path("file").touch()
            os.chdir("d")
        Path("link").symlink_to(tmp_path)
    finally:
        os.chdir(here)
    remove_tree(top)
    assert list(tmp_path.iterdir()) == []
