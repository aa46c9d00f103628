"""Parsers of what a shared cache has."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile

from grocker import digest as digests
from grocker.errors import GrockerError
from grocker.store import packed_tree, snapshot
from grocker.store.snapshot import LayerPiece, SharedFile, SharedResult, Snapshot
from tests.fuzz.target import Target, scratch


def _compress(data: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0)


def _read_snapshot(data: bytes) -> None:
    found = snapshot.decode(_compress(data))
    assert snapshot.decode(snapshot.encode(found)) == found
    for one in (*found.files, *(piece.layer for piece in found.members.values()), *found.trees.values()):
        digests.parse(one)


def _unpack_tree(data: bytes) -> None:
    place = scratch() / "unpacking"
    shutil.rmtree(place, ignore_errors=True)
    (place / "tree").mkdir(parents=True)
    try:
        packed_tree.unpack(io.BytesIO(_compress(data)), place / "tree")
    finally:
        assert [path.name for path in place.iterdir()] == ["tree"]


def _snapshots() -> list[bytes]:
    digest = digests.of(b"layer")
    full = Snapshot(
        {"steps/key": SharedResult(20_000, b'{"at": 1}')},
        {digest: SharedFile(20_000, 5, "application/vnd.oci.image.layer.v1.tar+gzip")},
        {"member": LayerPiece(digest, 1, 2)},
        {"tree": digest},
    )
    return [gzip.decompress(snapshot.encode(one)) for one in (full, Snapshot())]


def _trees() -> list[bytes]:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, target in (("usr", tarfile.DIRTYPE, ""), ("usr/file", tarfile.REGTYPE, "")):
            made = tarfile.TarInfo(name)
            made.type, made.linkname, made.mode = kind, target, 0o755
            made.size = 3 if kind == tarfile.REGTYPE else 0
            archive.addfile(made, io.BytesIO(b"abc"))
        link = tarfile.TarInfo("bin")
        link.type, link.linkname = tarfile.SYMTYPE, "usr"
        archive.addfile(link)
    return [data.getvalue()]


TARGETS = (
    Target(
        "snapshot",
        _read_snapshot,
        (GrockerError,),
        _snapshots,
        (b"results", b"files", b"members", b"trees", b"sha256:", b"../", b"\xcf", b"\xdb\xff\xff\xff\xff", b"\xc0"),
        1_500,
    ),
    Target(
        "packed-tree",
        _unpack_tree,
        (GrockerError,),
        _trees,
        (b"../", b"/", b"usr/", b"\0", b"2", b"1", b"5", b"path=", b"size=", b"0777"),
        250,
    ),
)
