"""What builds need to be repeated elsewhere, as one document: the contents of a shared cache. Pure.

Small results are in it, by room and key. Of large files it has the digest and the size; a member is a piece of a layer.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection

import msgspec

from grocker.digest import Digest
from grocker.errors import CorruptError

DAYS = 14
"""for which an entry stays that no build has used"""
LARGEST = 128 << 20
"""bytes of a document, uncompressed"""
REMEDY = "delete its tag from the registry; the next build writes it again"
"""for a cache that cannot be read"""


class SharedResult(msgspec.Struct, frozen=True, array_like=True):
    """A small result."""

    used: int
    """day since 1970"""
    data: bytes


class SharedFile(msgspec.Struct, frozen=True, array_like=True):
    """A layer, a wheel or a packed tree."""

    used: int
    """day since 1970"""
    size: int
    """bytes"""
    media_type: str


class LayerPiece(msgspec.Struct, frozen=True, array_like=True):
    """Where a member is in a layer."""

    layer: Digest
    offset: int
    """bytes"""
    size: int
    """bytes"""


class Snapshot(msgspec.Struct, frozen=True):
    """The contents of a shared cache."""

    results: dict[str, SharedResult] = {}
    """by ``ROOM/KEY``"""
    files: dict[Digest, SharedFile] = {}
    members: dict[str, LayerPiece] = {}
    """by key"""
    trees: dict[str, Digest] = {}
    """by key the file that a tree is packed in"""


def encode(snapshot: Snapshot) -> bytes:
    """Encode and compress. The same snapshot gives the same bytes."""
    import deflate

    return bytes(deflate.gzip_compress(msgspec.msgpack.encode(snapshot, order="sorted"), 6))


def decode(data: bytes) -> Snapshot:
    """Decode what ``encode`` returned. Raises CorruptError."""
    reader = zlib.decompressobj(wbits=31)
    try:
        plain = reader.decompress(data, LARGEST)
        if not reader.eof:
            raise CorruptError("its index is truncated or too large", hint=REMEDY)
        return msgspec.msgpack.decode(plain, type=Snapshot)
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptError(f"its index is malformed: {error}", hint=REMEDY) from error


def merge(own: Snapshot, other: Snapshot, *, made: Collection[str], today: int) -> Snapshot:
    """Return ``own`` with what ``other`` has besides, without what was not used for DAYS.

    Where both have a result, that of ``other`` counts unless it is in ``made``, the names of results that this build
    made: an answer of the archive that was kept here may be older than the other one. ``today``: days since 1970.
    """
    oldest = today - DAYS
    results = dict(own.results)
    for name, result in other.results.items():
        if name not in results:
            results[name] = result
        elif name not in made:
            results[name] = SharedResult(today, result.data)
    files = {**other.files, **own.files}
    kept = {digest: one for digest, one in files.items() if one.used >= oldest}
    return Snapshot(
        {name: one for name, one in results.items() if one.used >= oldest},
        kept,
        {key: one for key, one in {**other.members, **own.members}.items() if one.layer in kept},
        {key: one for key, one in {**other.trees, **own.trees}.items() if one in kept},
    )
