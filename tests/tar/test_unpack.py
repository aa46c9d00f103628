"""Entries unpacked on the host stay where they belong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grocker.errors import CannotWriteError, CorruptError
from grocker.tar.entry import Directory, Entry, File, Hardlink, Symlink
from grocker.tar.unpack import link_tree, unpack


def test_unpack_writes_files_links_and_directories(tmp_path: Path) -> None:
    unpack(
        [
            File("usr/bin/python3.13", b"elf", 0o4755),
            Symlink("usr/bin/python3", "python3.13"),
            Hardlink("usr/bin/again", "usr/bin/python3.13"),
            Directory("var/empty", 0o700),
            File("usr/lib/os.py", b"text", 0o600),
        ],
        tmp_path,
    )
    assert (tmp_path / "usr/bin/again").read_bytes() == b"elf"
    assert (tmp_path / "usr/bin/again").samefile(tmp_path / "usr/bin/python3")
    assert (tmp_path / "usr/bin/python3").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "usr/lib/os.py").stat().st_mode & 0o7777 == 0o644
    assert (tmp_path / "var/empty").is_dir()


def test_linked_tree_has_the_same_files_and_can_be_added_to(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    unpack([File("usr/bin/cc", b"elf", 0o755), Symlink("bin", "usr/bin"), Directory("var"), File("note", b"1")], one)
    old = os.umask(0o077)
    link_tree(one, two)
    os.umask(old)
    assert (two / "usr/bin/cc").samefile(one / "usr/bin/cc")
    assert os.readlink(two / "bin") == "usr/bin"
    assert (two / "usr").stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in two.iterdir()) == ["bin", "usr", "var"]
    unpack([File("usr/bin/ld", b"elf")], two)
    assert not (one / "usr/bin/ld").exists()


def test_unpack_keeps_the_first_when_two_bring_one_path(tmp_path: Path) -> None:
    unpack([File("a", b"1"), File("a", b"2")], tmp_path)
    unpack([File("a", b"3"), Directory("d")], tmp_path)
    assert (tmp_path / "a").read_bytes() == b"1"


@pytest.mark.parametrize(
    "entries",
    [
        [File("../escaped", b"")],
        [File("/escaped", b"")],
        [Symlink("a", "../.."), File("a/escaped", b"")],
        [Symlink("a", ".."), Directory("a")],
        [Hardlink("a", "../outside"), File("../outside", b"")],
        [File("a", b""), File("a/b", b"")],
    ],
    ids=["dots", "absolute", "through a link", "link as directory", "hard link", "through a file"],
)
def test_unpack_refuses_and_writes_nothing_outside_when_a_path_leaves_the_root(
    tmp_path: Path, entries: list[Entry]
) -> None:
    root = tmp_path / "one" / "root"
    root.mkdir(parents=True)
    (tmp_path / "one" / "outside").write_bytes(b"secret")
    with pytest.raises(CorruptError):
        unpack(entries, root)
    assert sorted(os.listdir(tmp_path / "one")) == ["outside", "root"]
    assert sorted(os.listdir(tmp_path)) == ["one"]
    assert not Path("/escaped").exists()


def test_unpack_says_where_when_it_cannot_write(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.write_text("a file")
    with pytest.raises(CannotWriteError, match=r"unpacking .*/root/a"):
        unpack([File("a", b"")], root)
