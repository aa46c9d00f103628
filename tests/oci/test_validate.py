from __future__ import annotations

import gzip
import io
import re
import tarfile
from collections.abc import Iterable

import pytest

from grocker import digest as digests
from grocker.oci import Image, Layer, Platform, RunConfig, image, layer, validate, values
from grocker.oci.values import Descriptor, Index, LayoutMarker
from grocker.tar.entry import Directory, Entry, File, Hardlink, Symlink
from tests.support.image import EPOCH, MemoryBlobs, made_image, made_layer

MARKER = values.encode(LayoutMarker("1.0.0"))


def judged(made: Image, blobs: MemoryBlobs, *, marker: bytes | None = MARKER, index: bytes | None = None) -> str:
    """The problems, on a line each."""
    every = MemoryBlobs({made.manifest.digest: made.manifest.data, made.config.digest: made.config.data, **blobs.blobs})
    own = values.encode(Index(2, (made.manifest.descriptor,)))
    return "\n".join(validate.layout(marker, index or own, every.open))


def of_layer(entries: Iterable[Entry]) -> str:
    made, data = made_layer("x", entries)
    return of_bytes(made, data)


def of_bytes(made: Layer, data: bytes) -> str:
    whole = image([made], platform=Platform("linux", "amd64"), run=RunConfig(), created=EPOCH)
    return judged(whole, MemoryBlobs({made.digest: data}))


def test_layout_has_no_problems_when_it_is_valid() -> None:
    assert judged(*made_image()) == ""


def test_layer_has_no_problems_when_it_is_a_series_of_gzip_members() -> None:
    _, packed = made_layer(
        "x", [Directory("opt"), File("opt/a", b"a"), Symlink("opt/b", "a"), Hardlink("opt/c", "opt/a")]
    )
    plain = gzip.decompress(packed)
    data = gzip.compress(plain[:700], mtime=0) + gzip.compress(plain[700:], mtime=0)
    made = layer(digest=digests.of(data), size=len(data), diff_id=digests.of(plain), title="x")
    assert of_bytes(made, data) == ""


def test_layer_has_no_problems_when_it_is_compressed_by_zstd() -> None:
    assert of_bytes(*made_layer("x", [Directory("opt"), File("opt/a", b"a")], zstd=True)) == ""


def test_layer_that_zstd_compressed_and_is_cut_or_damaged_is_a_problem() -> None:
    made, data = made_layer("x", [File("a", b"a" * 5000)], zstd=True)
    for wrong in (data[:-3], data[:10] + b"?" + data[11:]):
        resized = layer(
            digest=digests.of(wrong), size=len(wrong), diff_id=made.diff_id, title="x", media_type=values.LAYER_ZSTD
        )
        assert re.search("unpacks to|not a well-formed archive", of_bytes(resized, wrong))


def test_layer_has_no_problems_when_a_few_bytes_unpack_to_many() -> None:
    assert of_layer([File("a", bytes(3_000_000)), File("b", b"b")]) == ""


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([File("a", b""), File("a", b"")], "/a appears twice"),
        ([File("../a", b"")], "leaves the root"),
        ([File("a/../../b", b"")], "leaves the root"),
        ([File("/a", b"")], "leaves the root"),
        ([File("./a", b"")], "not normalised"),
        ([File("opt/a", b"")], "/opt/a comes before its directory"),
        ([Symlink("opt", "/etc"), File("opt/a", b"")], "/opt/a is below the link /opt"),
        ([Hardlink("b", "a"), File("a", b"")], "hard link to 'a', which is not in the layer before it"),
    ],
)
def test_layer_has_a_problem_when_an_entry_is_wrong(entries: list[Entry], problem: str) -> None:
    assert problem in of_layer(entries)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"mtime": 7}, "2 different modification times"),
        ({"uname": "root"}, "names its owner root"),
        ({"type": tarfile.CHRTYPE}, "is a device"),
        ({"type": tarfile.FIFOTYPE}, "is a device, a pipe"),
    ],
)
def test_layer_has_a_problem_when_a_header_is_wrong(change: dict[str, object], problem: str) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in ("a", "b"):
            info = tarfile.TarInfo(name)
            for key, value in change.items() if name == "b" else ():
                setattr(info, key, value)
            archive.addfile(info)
    data = gzip.compress(stream.getvalue())
    made = layer(digest=digests.of(data), size=len(data), diff_id=digests.of(stream.getvalue()), title="x")
    assert problem in of_bytes(made, data)


@pytest.mark.parametrize("cut", [1, 30, 100])
def test_layer_has_a_problem_when_its_bytes_are_cut_short(cut: int) -> None:
    made, data = made_layer("x", [File("a", bytes(range(256)))])
    assert f"{made.digest} has {len(data) - cut} bytes, its descriptor says {len(data)}" in of_bytes(made, data[:-cut])


def test_layer_has_a_problem_when_a_byte_is_changed() -> None:
    made, data = made_layer("x", [File("a", bytes(range(256)))])
    changed = bytearray(data)
    changed[60] ^= 1
    assert f"{made.digest} has the digest sha256:" in of_bytes(made, bytes(changed))


def test_layer_has_a_problem_when_it_is_no_archive() -> None:
    data = b"no archive at all"
    made = layer(digest=digests.of(data), size=len(data), diff_id=digests.of(data), title="x")
    assert "is not a well-formed archive" in of_bytes(made, data)


def test_layer_has_a_problem_when_a_member_claims_more_than_there_is() -> None:
    """tarfile would skip 2^60 bytes in steps of 10 kB."""
    info = tarfile.TarInfo("a")
    info.size = 1 << 60
    plain = info.tobuf(tarfile.GNU_FORMAT)
    for data in (plain, gzip.compress(plain)):
        kind = values.LAYER if data is plain else values.LAYER_GZIP
        made = layer(digest=digests.of(data), size=len(data), diff_id=digests.of(plain), title="x", media_type=kind)
        assert "not a well-formed archive" in of_bytes(made, data)


def test_layer_has_a_problem_when_its_diff_id_is_another() -> None:
    made, data = made_layer("x", [File("a", b"a")])
    other = Layer(made.descriptor, digests.of(b"other"), "x")
    assert "its configuration says sha256:" in of_bytes(other, data)


def test_layout_has_a_problem_when_a_blob_is_missing() -> None:
    made, blobs = made_image()
    del blobs.blobs[made.layers[1].digest]
    assert f"blob {made.layers[1].digest} is not there" in judged(made, blobs)


@pytest.mark.parametrize(
    ("marker", "index", "problem"),
    [
        (None, None, "oci-layout is missing"),
        (b"{}", None, "oci-layout is malformed"),
        (values.encode(LayoutMarker("2.0.0")), None, "version 2.0.0"),
        (MARKER, b"[]", "index.json is malformed"),
        (MARKER, values.encode(Index(1, ())), "schema version 1"),
        (MARKER, values.encode(Index(2, ())), "lists no manifest"),
        (
            MARKER,
            values.encode(Index(2, (Descriptor("text/plain", "sha256:" + "0" * 64, 1),))),
            "unknown type text/plain",
        ),
        (MARKER, values.encode(Index(2, (Descriptor(values.MANIFEST, "md5:0", 1),))), "unsupported digest"),
        (
            MARKER,
            values.encode(Index(2, (Descriptor(values.MANIFEST, "sha256:" + "0" * 64, 1 << 40),))),
            "too large for a document",
        ),
    ],
)
def test_layout_has_a_problem_when_a_document_is_wrong(marker: bytes | None, index: bytes | None, problem: str) -> None:
    made, blobs = made_image()
    assert problem in judged(made, blobs, marker=marker, index=index)
