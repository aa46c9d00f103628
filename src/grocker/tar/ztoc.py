"""The table of contents of a layer (zTOC): where each file lies in it, and where decompression can begin.

A reader that has it fetches and decompresses only the spans of a layer in which the files lie that a process opens.
Decompression can begin where a gzip member does, because members refer to nothing before them; a layer is a series of
members of at most ``member.PART`` bytes. So no checkpoint needs a window of earlier bytes, and layers stay as they are.
Sources: soci-snapshotter, ztoc/fbs/ztoc.fbs, ztoc/ztoc.go, ztoc/toc_builder.go, ztoc/compression/gzip_zinfo.c (readers
before release 0.14 stop at the end of a member).
"""

from __future__ import annotations

import hashlib
import mmap
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import flatbuffers
import msgspec

from grocker.errors import CorruptError

SPAN = 4 << 20
"""bytes of a span at most, uncompressed, unless one member has more; soci-snapshotter's default"""

_VERSION = "0.9"
_TOOL = "grocker"
_GZIP = 1
"""CompressionAlgorithm.Gzip"""
_HEADER = b"\x1f\x8b\x08\x00"
"""of a gzip member without optional fields (RFC 1952, section 2.3)"""
_HEADER_SIZE = 10
"""bytes of that header"""
_WINDOW = bytes(1 << 15)
_CHUNK = 1 << 18
_BYTES: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape"}
_KINDS = {tarfile.REGTYPE: "reg", tarfile.LNKTYPE: "hardlink", tarfile.SYMTYPE: "symlink", tarfile.DIRTYPE: "dir"}


class Checkpoint(msgspec.Struct, frozen=True):
    """Where decompression can begin, as offsets in bytes."""

    compressed: int
    """of the first byte after the member's header"""
    plain: int


def make_ztoc(path: Path) -> bytes:
    """Make the table of contents of the gzip-compressed layer at ``path``.

    Raises CorruptError when it is none, whose hint counts on a caller that deletes it; OSError when it cannot be read.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as layer:
        try:
            plain = _Plain(layer)
            # A stream is only read; the types of tarfile want a whole file.
            with tarfile.open(fileobj=plain, mode="r|", **_BYTES) as archive:  # type: ignore[call-overload]
                entries = [_describe(entry) for entry in archive]
            plain.drain()
        except (tarfile.TarError, zlib.error, EOFError, KeyError) as error:
            raise CorruptError(
                f"the cached layer {path.name} is malformed: {error}", hint="build again (the damaged file was deleted)"
            ) from error
        checkpoints = _choose(plain.members, plain.size)
        ends = [*(one.compressed for one in checkpoints[1:]), len(layer)]
        digests = [
            "sha256:" + hashlib.sha256(layer[one.compressed : end]).hexdigest()
            for one, end in zip(checkpoints, ends, strict=True)
        ]
        return _encode(entries, checkpoints, digests, compressed=len(layer), plain=plain.size)


class _Entry(msgspec.Struct, frozen=True):
    """The row of a file; text as the bytes of the tar."""

    name: bytes
    kind: str
    offset: int
    """of its content in the tar, in bytes"""
    size: int
    target: bytes
    mode: int
    uid: int
    gid: int
    time: int
    """seconds since 1970"""
    records: tuple[tuple[bytes, bytes], ...]
    """the pax records of its extended header"""


def _describe(entry: tarfile.TarInfo) -> _Entry:
    return _Entry(
        name=_bytes(entry.name + "/" * entry.isdir()),
        kind=_KINDS[entry.type],
        offset=entry.offset_data,
        size=entry.size if entry.isreg() else 0,
        target=_bytes(entry.linkname),
        mode=entry.mode,
        uid=entry.uid,
        gid=entry.gid,
        time=int(entry.mtime),
        records=tuple(sorted((_bytes(key), _bytes(value)) for key, value in entry.pax_headers.items())),
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class _Plain:
    """The tar in a series of gzip members, as a stream, and where its members begin."""

    def __init__(self, layer: mmap.mmap) -> None:
        self.members: list[Checkpoint] = []
        self.size = 0
        """bytes read so far"""
        self._chunks = self._decompress(layer)
        self._rest = b""

    def read(self, size: int) -> bytes:
        gathered = [self._rest]
        found = len(self._rest)
        while found < size and (chunk := next(self._chunks, b"")):
            gathered.append(chunk)
            found += len(chunk)
        data = b"".join(gathered)
        self._rest = data[size:]
        self.size += min(size, len(data))
        return data[:size]

    def drain(self) -> None:
        while self.read(_CHUNK):
            pass

    def _decompress(self, layer: mmap.mmap) -> Iterator[bytes]:
        compressed, plain = 0, 0
        while compressed < len(layer):
            if layer[compressed : compressed + len(_HEADER)] != _HEADER:
                raise zlib.error(f"no gzip member without optional fields at byte {compressed}")
            self.members.append(Checkpoint(compressed + _HEADER_SIZE, plain))
            inflater = zlib.decompressobj(31)
            while not inflater.eof:
                chunk = layer[compressed : compressed + _CHUNK]
                if not chunk:
                    raise EOFError("the last gzip member is truncated")
                data = inflater.decompress(chunk)
                compressed += len(chunk) - len(inflater.unused_data)
                plain += len(data)
                if data:
                    yield data


def _choose(members: Sequence[Checkpoint], size: int) -> list[Checkpoint]:
    """Choose the members at which a span begins: each span is as many whole members as SPAN has room for.

    ``size``: bytes of the tar.
    """
    chosen = [members[0]]
    for member, end in pairwise([*members, Checkpoint(0, size)]):
        if end.plain - chosen[-1].plain > SPAN and member != chosen[-1]:
            chosen.append(member)
    return chosen


def _encode(
    entries: Sequence[_Entry], checkpoints: Sequence[Checkpoint], digests: Sequence[str], *, compressed: int, plain: int
) -> bytes:
    """Encode as a FlatBuffer, whose fields ztoc.fbs numbers; ``compressed`` and ``plain``: bytes of the layer."""
    builder = flatbuffers.Builder(1 << 16)
    version, tool = builder.CreateString(_VERSION), builder.CreateString(_TOOL)
    rows = _vector(builder, [_row(builder, entry) for entry in entries])
    contents = _table(builder, 1, {0: rows})
    states = builder.CreateByteVector(
        len(checkpoints).to_bytes(4, "little")
        + SPAN.to_bytes(8, "little")
        + b"".join(
            one.compressed.to_bytes(8, "little") + one.plain.to_bytes(8, "little") + b"\0" + _WINDOW
            for one in checkpoints
        )
    )
    spans = _vector(builder, [builder.CreateString(one) for one in digests])
    builder.StartObject(4)
    builder.PrependInt8Slot(0, _GZIP, _GZIP)
    builder.PrependInt32Slot(1, len(checkpoints) - 1, 0)
    builder.PrependUOffsetTRelativeSlot(2, spans, 0)
    builder.PrependUOffsetTRelativeSlot(3, states, 0)
    compression = builder.EndObject()
    builder.StartObject(6)
    builder.PrependUOffsetTRelativeSlot(0, version, 0)
    builder.PrependUOffsetTRelativeSlot(1, tool, 0)
    builder.PrependInt64Slot(2, compressed, 0)
    builder.PrependInt64Slot(3, plain, 0)
    builder.PrependUOffsetTRelativeSlot(4, contents, 0)
    builder.PrependUOffsetTRelativeSlot(5, compression, 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())


def _row(builder: flatbuffers.Builder, entry: _Entry) -> int:
    texts = {0: builder.CreateString(entry.name), 1: builder.CreateSharedString(entry.kind)}
    if entry.target:
        texts[4] = builder.CreateString(entry.target)
    texts[10] = builder.CreateSharedString(datetime.fromtimestamp(entry.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    if entry.records:
        pairs = [(builder.CreateString(key), builder.CreateString(value)) for key, value in entry.records]
        texts[13] = _vector(builder, [_table(builder, 2, {0: key, 1: value}) for key, value in pairs])
    builder.StartObject(14)
    for slot, place in texts.items():
        builder.PrependUOffsetTRelativeSlot(slot, place, 0)
    builder.PrependInt64Slot(2, entry.offset, 0)
    builder.PrependInt64Slot(3, entry.size, 0)
    builder.PrependInt64Slot(5, entry.mode, 0)
    builder.PrependUint32Slot(6, entry.uid, 0)
    builder.PrependUint32Slot(7, entry.gid, 0)
    return int(builder.EndObject())


def _table(builder: flatbuffers.Builder, fields: int, places: Mapping[int, int]) -> int:
    builder.StartObject(fields)
    for slot, place in places.items():
        builder.PrependUOffsetTRelativeSlot(slot, place, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, places: Sequence[int]) -> int:
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return int(builder.EndVector())
