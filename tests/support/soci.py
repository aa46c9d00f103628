"""A reader of SOCI's tables of contents, written after soci-snapshotter's: what a node does with them."""

from __future__ import annotations

import hashlib
import zlib
from bisect import bisect_right
from dataclasses import dataclass

from flatbuffers import encode, packer
from flatbuffers.number_types import Int32Flags, Int64Flags, Uint32Flags
from flatbuffers.table import Table

from grocker import digest as digests
from grocker.oci import Image, Layer, RunConfig, image
from grocker.oci.soci import make_index
from tests.support.image import EPOCH, MemoryBlobs, made_image

_CHECKPOINT = 8 + 8 + 1 + 32768
"""bytes of a packed checkpoint: offsets, bits, window"""


@dataclass(frozen=True)
class Row:
    """A file's row."""

    kind: str
    offset: int
    size: int
    target: bytes
    mode: int
    uid: int
    gid: int
    time: str
    records: dict[bytes, bytes]


@dataclass(frozen=True)
class Ztoc:
    """A table of contents."""

    version: str
    compressed: int
    plain: int
    rows: dict[bytes, Row]
    starts: list[tuple[int, int]]
    """of each span, compressed and plain"""
    digests: list[str]

    def spans_of(self, name: bytes) -> range:
        """The numbers of the spans that have bytes of a file."""
        row = self.rows[name]
        plain = [start for _, start in self.starts]
        return range(bisect_right(plain, row.offset) - 1, bisect_right(plain, row.offset + max(row.size - 1, 0)))

    def span(self, number: int) -> slice:
        """Where a span is in the layer."""
        end = self.starts[number + 1][0] if number + 1 < len(self.starts) else self.compressed
        return slice(self.starts[number][0], end)

    def read(self, name: bytes, layer: bytes) -> bytes:
        """A file's content, from the bytes of its spans alone, whose digests are checked."""
        spans = self.spans_of(name)
        for number in spans:
            assert "sha256:" + hashlib.sha256(layer[self.span(number)]).hexdigest() == self.digests[number]
        packed = b"".join(layer[self.span(number)] for number in spans)
        row, begin = self.rows[name], self.starts[spans.start][1]
        return _inflate(packed)[row.offset - begin : row.offset - begin + row.size]


def _inflate(packed: bytes) -> bytes:
    """Decompress from behind a header; further members have theirs (gzip_zinfo.c, extract_data_from_buffer)."""
    inflater, plain = zlib.decompressobj(-15), b""
    plain += inflater.decompress(packed)
    rest = inflater.unused_data[8:]
    while rest:
        inflater = zlib.decompressobj(47)
        plain += inflater.decompress(rest)
        rest = inflater.unused_data
    return plain


def read_ztoc(data: bytes) -> Ztoc:
    """Read a table of contents (ztoc/fbs/ztoc.fbs)."""
    root = Table(data, encode.Get(packer.uoffset, data, 0))
    compression = _table(root, 5)
    place = compression.Vector(compression.Offset(4 + 2 * 3))
    states = data[place : place + compression.VectorLen(compression.Offset(4 + 2 * 3))]
    count = int.from_bytes(states[:4], "little")
    assert len(states) == 12 + count * _CHECKPOINT
    assert count == _number(compression, 1, Int32Flags) + 1
    starts = []
    for at in range(12, len(states), _CHECKPOINT):
        starts.append(
            (int.from_bytes(states[at : at + 8], "little"), int.from_bytes(states[at + 8 : at + 16], "little"))
        )
        assert not any(states[at + 16 : at + _CHECKPOINT])
    rows = {}
    for one in _tables(_table(root, 4), 0):
        records = {_text(record, 0): _text(record, 1) for record in _tables(one, 13)}
        rows[_text(one, 0)] = Row(
            kind=_text(one, 1).decode(),
            offset=_number(one, 2, Int64Flags),
            size=_number(one, 3, Int64Flags),
            target=_text(one, 4),
            mode=_number(one, 5, Int64Flags),
            uid=_number(one, 6, Uint32Flags),
            gid=_number(one, 7, Uint32Flags),
            time=_text(one, 10).decode(),
            records=records,
        )
    spans = compression.Offset(4 + 2 * 2)
    listed = [
        compression.String(compression.Vector(spans) + 4 * number).decode()
        for number in range(compression.VectorLen(spans))
    ]
    sizes = _number(root, 2, Int64Flags), _number(root, 3, Int64Flags)
    return Ztoc(_text(root, 0).decode(), *sizes, rows, starts, listed)


def _table(table: Table, slot: int) -> Table:
    return Table(table.Bytes, table.Indirect(table.Pos + table.Offset(4 + 2 * slot)))


def _tables(table: Table, slot: int) -> list[Table]:
    offset = table.Offset(4 + 2 * slot)
    if not offset:
        return []
    start = table.Vector(offset)
    return [Table(table.Bytes, table.Indirect(start + 4 * number)) for number in range(table.VectorLen(offset))]


def _text(table: Table, slot: int) -> bytes:
    offset = table.Offset(4 + 2 * slot)
    return bytes(table.String(table.Pos + offset)) if offset else b""


def _number(table: Table, slot: int, flags: type) -> int:
    offset = table.Offset(4 + 2 * slot)
    return int(table.Get(flags, table.Pos + offset)) if offset else 0


def seekable_image(*texts: str) -> tuple[Image, MemoryBlobs]:
    """A small image whose lowest layer has a table of contents, made up."""
    plain, blobs = made_image(*texts)
    table = b"the table of " + plain.layers[0].digest.encode()
    return with_table(plain, blobs, plain.layers[0], table)


def with_table(plain: Image, blobs: MemoryBlobs, layer: Layer, table: bytes) -> tuple[Image, MemoryBlobs]:
    """The image with a SOCI index that has that table for ``layer``."""
    index = make_index({layer.digest: (digests.of(table), len(table))}, plain.layers, span=4)
    made = image(plain.layers, platform=plain.platform, run=RunConfig(user="1000:0"), created=EPOCH, soci=index)
    return made, MemoryBlobs({**blobs.blobs, digests.of(table): table})
