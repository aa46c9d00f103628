"""Members: compressed once, kept, and made again when the disk has spoiled them."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker.errors import CorruptError
from grocker.store import Store
from grocker.store.check import check
from grocker.tar import member as members
from grocker.tar.entry import Directory, Entry, File, Hardlink, Symlink, hide
from grocker.tar.member import Member
from grocker.tar.writer import END_OF_ARCHIVE

EPOCH = 315532800
ENTRIES: tuple[Entry, ...] = (
    Directory("usr", 0o755),
    File("usr/b", b"b" * 5000, 0o755),
    Symlink("usr/a", "b"),
    Hardlink("usr/c", "usr/b"),
)


def make(store: Store, *entries: Entry, key: str = "k", subject: str = "thing 1.0") -> Member:
    return members.make_member(store, key, entries or ENTRIES, subject=subject, epoch=EPOCH)


def plain(store: Store, member: Member) -> bytes:
    return b"".join(plain for _, plain in members.read_parts(store, member))


def test_member_is_kept_and_reads_as_a_tar_without_its_directories(store: Store) -> None:
    made = make(store)
    assert members.find_member(store, "k") == made
    assert made.directories == (("usr", 0o755, 0, 0),)
    assert made.paths == ("usr/a", "usr/b", "usr/c")
    data = plain(store, made)
    assert len(data) == made.plain
    assert gzip.decompress(store.member("k").read_bytes()) == data
    with tarfile.open(fileobj=io.BytesIO(data + END_OF_ARCHIVE)) as tar:
        assert tar.getnames() == ["usr/a", "usr/b", "usr/c"]
    assert check(store) == ()


def test_member_hides_a_path_of_lower_layers_only_when_it_is_meant_to(store: Store) -> None:
    assert make(store, hide("usr/share/a")).paths == ("usr/share/.wh.a",)
    with pytest.raises(CorruptError, match="is a whiteout"):
        make(store, File("usr/share/.wh.a", b""))
    with pytest.raises(CorruptError, match="leaves the image's root"):
        make(store, hide("usr/../a"))


def test_member_is_made_once_when_several_want_it_at_once(store: Store) -> None:
    began: list[str] = []

    def making() -> Member:
        began.append("once")
        return members.make_member(store, "k", [File("a", b"1")], subject="one", epoch=0)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: members.find_or_make(store, "k", making), range(4)))
    assert began == ["once"]
    assert found == [members.find_member(store, "k")] * 4


def test_member_keeps_what_its_maker_noted(store: Store) -> None:
    members.make_member(store, "k", ENTRIES, subject="s", epoch=EPOCH, note=b'{"a":[1]}')
    kept = members.find_member(store, "k")
    assert kept is not None
    assert bytes(kept.note) == b'{"a":[1]}'


@dataclass(frozen=True)
class Pattern:
    """Bytes that come in awkward pieces."""

    size: int
    piece: int
    sha256: str = ""

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, self.size, self.piece):
            yield bytes((start // self.piece + i) % 251 for i in range(min(self.piece, self.size - start)))


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 30))
def test_parts_are_the_same_bytes_however_they_come(blocks: list[bytes], part: int) -> None:
    parts = list(members._parts(iter(blocks), part))
    assert b"".join(parts) == b"".join(blocks)
    assert all(len(p) == part for p in parts[:-1])
    assert all(0 < len(p) <= part for p in parts[-1:])
    assert all(type(p) is bytes for p in parts)


def test_member_has_several_parts_when_it_is_large(store: Store) -> None:
    entries = [File("f", Pattern(35_000, 999)), File("g", b"g")]
    made = members.make_member(store, "k", entries, subject="thing 1.0", epoch=EPOCH, part=10_000)
    assert [p.plain for p in made.parts] == [10_000, 10_000, 10_000, 512 + 35_328 + 1024 - 30_000]
    assert gzip.decompress(store.member("k").read_bytes()) == plain(store, made)


# -- what a disk does -------------------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def grow(path: Path) -> None:
    with open(path, "ab") as stream:
        stream.write(b"x")


def flip(at: int) -> Callable[[Path], None]:
    def flip(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.write_bytes(data)

    return flip


@pytest.mark.parametrize("spoil", [cut, empty, grow, Path.unlink], ids=["cut", "empty", "grown", "gone"])
def test_member_counts_as_not_kept_when_its_file_has_another_size(store: Store, spoil: Callable[[Path], None]) -> None:
    make(store)
    spoil(store.member("k"))
    assert members.find_member(store, "k") is None
    made = make(store)
    assert members.find_member(store, "k") == made
    assert check(store) == ()


@pytest.mark.parametrize("at", [4, 9, 60, -1], ids=["header", "system", "data", "trailer"])
def test_member_is_removed_and_made_again_when_a_bit_of_it_flipped(store: Store, at: int) -> None:
    made = make(store)
    before = store.member("k").read_bytes()
    flip(at)(store.member("k"))
    assert [p.what for p in check(store)] == ["part 0: checksum mismatch"]
    with pytest.raises(CorruptError, match=r"reading thing 1\.0 from the cache.*does not match its checksum") as raised:
        plain(store, made)
    assert "build again" in (raised.value.hint or "")
    assert members.find_member(store, "k") is None
    make(store)
    assert store.member("k").read_bytes() == before


@pytest.mark.parametrize("spoil", [cut, empty, flip(0)], ids=["cut", "empty", "flipped"])
def test_member_counts_as_not_kept_when_its_description_is_spoilt(store: Store, spoil: Callable[[Path], None]) -> None:
    make(store)
    spoil(store.root / "members" / "k")
    assert members.find_member(store, "k") is None
    assert len(check(store)) == 1


def test_member_counts_as_not_kept_when_it_was_killed_before_it_was_described(store: Store) -> None:
    make(store)
    (store.root / "members" / "k").unlink()
    assert members.find_member(store, "k") is None
    assert check(store) == ()


# -- the last gate ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([File("../etc/passwd", b"")], "path '../etc/passwd' leaves the image's root"),
        ([File("/etc/passwd", b"")], "leaves the image's root"),
        ([Directory("usr/")], "is not a normalised path"),
        ([File("usr/.wh.bin", b"")], "whiteout"),
        ([File("a", b"1"), File("a", b"2")], "thing 1.0 contains /a twice"),
        ([Directory("a"), Symlink("a", "b")], "thing 1.0 contains /a twice"),
        ([Symlink("a", "/etc"), File("a/b", b"")], "/a/b is below /a, which is not a directory"),
        ([File("a/b", b""), Directory("a/b/c/d")], "/a/b/c/d is below /a/b, which is not a directory"),
    ],
)
def test_member_is_refused_when_a_path_is_not_one_that_it_may_have(
    store: Store, entries: list[Entry], words: str
) -> None:
    with pytest.raises(CorruptError, match=words.replace(".", r"\.")):
        make(store, *entries)
    assert members.find_member(store, "k") is None
    assert not list((store.root / "members").iterdir())
