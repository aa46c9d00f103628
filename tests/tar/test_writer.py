"""Entries written as a tar are the entries that any reader finds there."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grocker.errors import CorruptError
from grocker.tar.entry import Directory, Entry, File, Hardlink, Symlink
from grocker.tar.writer import BLOCK, END_OF_ARCHIVE, chunks, segment, sort_entries

EPOCH = 315532800


def archive(*entries: Entry, epoch: int = EPOCH) -> bytes:
    return b"".join(segment(entries, epoch=epoch)) + END_OF_ARCHIVE


def read(data: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data), errorlevel=2) as tar:
        return tar.getmembers()


def capability_of(info: tarfile.TarInfo) -> bytes:
    return info.pax_headers.get("SCHILY.xattr.security.capability", "").encode("utf-8", "surrogateescape")


def entry_of(info: tarfile.TarInfo, data: bytes) -> Entry:
    """What a member of an archive says, as an entry."""
    assert (info.mtime, info.uname, info.gname) == (EPOCH, "", "")
    if info.isdir():
        return Directory(info.name, info.mode, info.uid, info.gid)
    if info.issym():
        return Symlink(info.name, info.linkname, info.uid, info.gid)
    if info.islnk():
        return Hardlink(info.name, info.linkname, info.mode, info.uid, info.gid, capability_of(info))
    content = data[info.offset_data : info.offset_data + info.size]
    return File(info.name, content, info.mode, info.uid, info.gid, capability_of(info))


_name = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=130).filter(
    lambda name: name not in (".", "..") and not name.startswith(".wh.")
)
_undecodable = st.binary(min_size=1, max_size=120).map(
    lambda b: "x" + b.replace(b"/", b"_").replace(b"\0", b"_").decode("utf-8", "surrogateescape")
)
_path = st.lists(st.one_of(_name, _undecodable), min_size=1, max_size=3).map("/".join)
_mode = st.integers(0, 0o7777)
_id = st.integers(0, 2**32 - 1)
_capability = st.one_of(st.just(b""), st.binary(min_size=20, max_size=20))
_entry: st.SearchStrategy[Entry] = st.one_of(
    st.builds(Directory, _path, _mode, _id, _id),
    st.builds(File, _path, st.binary(max_size=1100), _mode, _id, _id, _capability),
    st.builds(Symlink, _path, _path, _id, _id),
    st.builds(Hardlink, _path, _path, _mode, _id, _id, _capability),
)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(_entry, max_size=4))
def test_segment_reads_back_as_the_same_entries(entries: list[Entry]) -> None:
    data = archive(*entries)
    assert [entry_of(info, data) for info in read(data)] == entries


@given(_entry)
def test_segment_has_the_blocks_that_tarfile_writes_for_plain_entries(entry: Entry) -> None:
    """Another writer of the same format is the oracle; where it is extended, only what is read counts (above)."""
    ours = archive(entry)
    (info,) = read(ours)
    theirs = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    if len(theirs) == BLOCK:
        assert ours[:BLOCK] == theirs


@given(st.permutations([Directory("b"), File("b/c", b"1"), Symlink("a", "b"), File("é", b"2"), File("z", b"")]))
def test_ordered_segment_is_the_same_in_whatever_order_entries_come(entries: list[Entry]) -> None:
    digest = hashlib.sha256(archive(*sort_entries(entries))).hexdigest()
    assert digest == "d7a5668b08c27ff7b897f911209f0875334cb38bcecdc754b3b7ab84af02311d"


@dataclass(frozen=True)
class Zeros:
    """A file too large to hold."""

    size: int
    given: int | None = None
    sha256: str = ""

    def chunks(self) -> Iterator[bytes]:
        left = self.size if self.given is None else self.given
        while left > 0:
            yield bytes(min(left, 1 << 20))
            left -= 1 << 20


def test_header_tells_the_size_when_a_file_has_more_than_8_gib() -> None:
    size = (8 << 30) + 7
    first = next(iter(segment([File("large", Zeros(size))], epoch=EPOCH)))
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        member = tar.next()
    assert member is not None
    assert (member.name, member.size) == ("large", size)


@pytest.mark.parametrize(
    ("given_bytes", "words"),
    [(1023, "fewer bytes than the expected 1024"), (4096, "more bytes than the expected 1024")],
)
def test_content_is_refused_when_it_is_not_as_long_as_it_says(given_bytes: int, words: str) -> None:
    with pytest.raises(CorruptError, match=words):
        b"".join(segment([File("short", Zeros(1024, given=given_bytes))], epoch=EPOCH))


def test_chunks_give_the_bytes_of_small_and_lazy_files() -> None:
    assert b"".join(chunks(File("a", b"abc"))) == b"abc"
    assert b"".join(chunks(File("a", Zeros(3)))) == bytes(3)


def test_hard_link_follows_its_file_when_its_target_sorts_later() -> None:
    entries = sort_entries([Hardlink("bin/a", "bin/z"), File("bin/z", b"x", 0o4755, 1, 2)])
    assert entries == [File("bin/a", b"x", 0o4755, 1, 2), Hardlink("bin/z", "bin/a", 0o4755, 1, 2)]


def test_hard_link_has_the_mode_and_owner_of_its_file() -> None:
    """Docker and podman apply those of every name that they unpack: a plain 0644 would take perl's execute bit away."""
    linked = sort_entries([File("usr/bin/perl", b"x", 0o755, 3, 4), Hardlink("usr/bin/perl5", "usr/bin/perl")])[1]
    (info,) = [one for one in read(archive(File("usr/bin/perl", b"x"), linked)) if one.islnk()]
    assert (info.mode, info.uid, info.gid) == (0o755, 3, 4)


def test_hard_link_is_resolved_when_it_names_another_hard_link() -> None:
    entries = sort_entries([Hardlink("c", "b"), Hardlink("b", "a"), File("a", b"x")])
    assert entries == [File("a", b"x"), Hardlink("b", "a"), Hardlink("c", "a")]


def test_hard_link_becomes_a_link_when_it_names_one() -> None:
    assert sort_entries([Hardlink("b", "a"), Symlink("a", "t")]) == [Symlink("a", "t"), Symlink("b", "t")]


@pytest.mark.parametrize(
    "entries",
    [
        [Hardlink("a", "nowhere")],
        [Hardlink("a", "d"), Directory("d")],
        [Hardlink("a", "b"), Hardlink("b", "a")],
        [Hardlink("a", "a")],
    ],
    ids=["nothing", "a directory", "a circle", "itself"],
)
def test_hard_link_is_refused_when_it_names_no_file(entries: list[Entry]) -> None:
    with pytest.raises(CorruptError, match="is a hard link to"):
        sort_entries(entries)
