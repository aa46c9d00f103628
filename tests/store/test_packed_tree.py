"""Trees in one file."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grocker.errors import CorruptError
from grocker.store import Store
from grocker.store.packed_tree import pack, unpack


def packed(store: Store, tree: Path) -> Path:
    with store.new_blob() as writer:
        pack(tree, writer)
    path = store.blob(writer.hashing.digest())
    assert path is not None
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/python3").write_bytes(b"\x7fELF" * 1000)
    (tree / "usr/bin/python3").chmod(0o755)
    (tree / "usr/text").write_text("text")
    os.link(tree / "usr/text", tree / "usr/twice")
    (tree / "bin").symlink_to("usr/bin")
    return tree


def test_tree_is_the_same_after_a_journey(store: Store, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    with packed(store, tree).open("rb") as stream:
        unpack(stream, tmp_path / "again")
    found = {p.relative_to(tmp_path / "again").as_posix(): p for p in (tmp_path / "again").rglob("*")}
    assert sorted(found) == ["bin", "usr", "usr/bin", "usr/bin/python3", "usr/text", "usr/twice"]
    assert os.readlink(found["bin"]) == "usr/bin"
    assert found["usr/bin/python3"].stat().st_mode & 0o777 == 0o755
    assert found["usr/twice"].read_text() == "text"


def test_same_tree_gives_the_same_bytes_whenever_it_was_made(store: Store, tree: Path) -> None:
    first = packed(store, tree)
    os.utime(tree / "usr/text", (1, 1))
    assert packed(store, tree) == first


@contextmanager
def archive(*members: tarfile.TarInfo) -> Iterator[io.BytesIO]:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as made:
        for one in members:
            made.addfile(one)
    data.seek(0)
    yield data


def info(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


@pytest.mark.parametrize(
    "members",
    [
        [info("../out")],
        [info("/tmp/out")],
        [info("out", tarfile.SYMTYPE, ".."), info("out/file")],
        [info("device", tarfile.CHRTYPE)],
        [info("hard", tarfile.LNKTYPE, "/etc/passwd")],
    ],
    ids=["upwards", "absolute", "through a link", "device", "hard link"],
)
def test_tree_that_leaves_its_place_is_refused(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    target = tmp_path / "inside" / "tree"
    target.mkdir(parents=True)
    with archive(*members) as data, pytest.raises(CorruptError, match="unpacking files from the shared cache"):
        unpack(data, target)
    assert [p.name for p in tmp_path.iterdir()] == ["inside"]
    assert [p.name for p in (tmp_path / "inside").iterdir()] == ["tree"]
