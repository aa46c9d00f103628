"""Tables of contents: a reader gets every file from the spans that have it, and from nothing else."""

from __future__ import annotations

import gzip
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from grocker.errors import CorruptError
from grocker.store import Store
from grocker.tar.compose import compose
from grocker.tar.entry import Directory, Entry, File, Hardlink, Symlink
from grocker.tar.member import make_member
from grocker.tar.ztoc import SPAN, make_ztoc
from tests.support.soci import Ztoc, read_ztoc

EPOCH = 315532800
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")
NOISE = random.Random(1)


def composed(store: Store, *members: Sequence[Entry], part: int = SPAN) -> tuple[Path, Ztoc]:
    """A layer of those members, and its table of contents."""
    made = [
        make_member(store, f"{number:064x}", entries, subject=f"package {number}", epoch=EPOCH, part=part)
        for number, entries in enumerate(members)
    ]
    layer, _ = compose(store, made, lower={}, epoch=EPOCH)
    path = store.blob(layer.digest)
    assert path is not None
    ztoc = read_ztoc(make_ztoc(path))
    assert (ztoc.version, ztoc.compressed, ztoc.plain) == ("0.9", layer.size, layer.plain)
    return path, ztoc


def noise(size: int) -> bytes:
    return NOISE.randbytes(size)


@pytest.mark.slow
def test_every_file_is_read_from_its_spans_alone(store: Store) -> None:
    files = [
        [File(f"a/{number}", noise(size)) for number, size in enumerate((0, 1, 512, 513, 70_000))],
        [File("big", noise(3 * SPAN + 17)), File("bigger", b"\0" * (2 * SPAN))],
        [File(f"b/{number}", noise(100_000)) for number in range(30)],
    ]
    path, ztoc = composed(store, *map(list, files))
    layer = path.read_bytes()
    for file in (file for member in files for file in member):
        assert ztoc.read(file.path.encode(), layer) == file.data
    assert len(ztoc.spans_of(b"a/3")) == 1
    assert len(ztoc.spans_of(b"big")) in (4, 5)


@pytest.mark.slow
def test_span_is_as_many_whole_members_as_there_is_room_for(store: Store) -> None:
    sizes = (1 << 20, 2 << 20, 3 << 20, 6 << 20, 1 << 19, 1 << 19)
    _, ztoc = composed(store, *([File(str(n), noise(size))] for n, size in enumerate(sizes)), part=16 << 20)
    groups: dict[int, list[int]] = {}
    for number in range(len(sizes)):
        [span] = ztoc.spans_of(str(number).encode())
        groups.setdefault(span, []).append(number)
    assert list(groups.values()) == [[0, 1], [2], [3], [4, 5]]
    assert ztoc.starts[0] == (10, 0)
    _, ztoc = composed(store, [File("one", noise(SPAN - 8192))], [File("last", noise(SPAN - 8192))])
    assert [ztoc.spans_of(name) for name in (b"one", b"last")] == [range(1), range(1, 2)]


def test_rows_say_what_the_tar_says(store: Store) -> None:
    long = "long/" + "d" * 90 + "/" + "f" * 90
    entries: list[Entry] = [
        Directory("var/spool", 0o1777, 0, 7),
        File("bin/ping", b"ping", mode=0o4755, uid=3, gid=4, capability=CAPABILITY),
        Hardlink("bin/pong", "bin/ping"),
        Symlink("bin/sh", "dash"),
        File(long, b"long"),
        File("café", b"utf-8", uid=3_000_000_000),
    ]
    path, ztoc = composed(store, entries)
    rows = ztoc.rows
    assert {row.time for row in rows.values()} == {"1980-01-01T00:00:00Z"}
    assert (rows[b"var/spool/"].kind, rows[b"var/spool/"].mode, rows[b"var/spool/"].gid) == ("dir", 0o1777, 7)
    ping = rows[b"bin/ping"]
    assert (ping.kind, ping.mode, ping.uid, ping.gid, ping.size) == ("reg", 0o4755, 3, 4, 4)
    assert ping.records[b"SCHILY.xattr.security.capability"] == CAPABILITY
    assert (rows[b"bin/pong"].kind, rows[b"bin/pong"].target, rows[b"bin/pong"].size) == ("hardlink", b"bin/ping", 0)
    assert (rows[b"bin/sh"].kind, rows[b"bin/sh"].target) == ("symlink", b"dash")
    assert rows["café".encode()].uid == 3_000_000_000
    layer = path.read_bytes()
    assert ztoc.read(long.encode(), layer) == b"long"
    assert ztoc.read("café".encode(), layer) == b"utf-8"


def test_table_has_the_same_bytes_each_time(store: Store) -> None:
    path, _ = composed(store, [File("a", noise(100)), Symlink("b", "a")])
    assert make_ztoc(path) == make_ztoc(path)


@pytest.mark.parametrize(
    "data",
    [
        b"not gzip at all",
        gzip.compress(b"not a tar" * 100, mtime=0),
        gzip.compress(b"\0" * 1024, mtime=0)[:-5],
        gzip.compress(b"\0" * 1024, mtime=0) + b"tail",
    ],
)
def test_what_is_no_layer_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "blob").write_bytes(data)
    with pytest.raises(CorruptError, match="the cached layer blob is malformed"):
        make_ztoc(tmp_path / "blob")
