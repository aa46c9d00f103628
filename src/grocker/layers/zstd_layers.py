"""An image's layers compressed by zstd instead of gzip (``compression = "zstd"``).

Layers are composed of gzip members, which wheels and packages share between images; a layer as a whole is then packed
once more. One frame spans it, so that a file is found again far from its first copy, and its header has the tar's size.
Source: RFC 8878 (Zstandard); OCI image specification, layer.md.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from grocker import zstd
from grocker.context import Context
from grocker.digest import Digest, Hashing
from grocker.errors import CorruptError
from grocker.layers.composition import FinishedLayer
from grocker.oci import Layer, layer, values
from grocker.oci.blobs import damage
from grocker.store.writing import require
from grocker.tar.keys import cache_key

if TYPE_CHECKING:
    from grocker.store import Store

_CHUNK = 1 << 20


class _Kept(msgspec.Struct, frozen=True):
    digest: Digest
    size: int


def compress_layers(context: Context, layers: Sequence[FinishedLayer]) -> list[Layer]:
    """Return the layers compressed by zstd, each made once.

    Raises CorruptError if one is damaged (all that are damaged are deleted, so that building again once is enough),
    MissingError for one that is gone, StorageError, CannotWriteError.
    """
    try:
        return [_compress(context, one) for one in layers]
    except CorruptError:
        for one in layers:
            context.store.sound_blob(one.layer.digest)
        raise


def _compress(context: Context, finished: FinishedLayer) -> Layer:
    own, title = finished.layer, finished.plan.title
    store, key = context.store, cache_key("zstd", own.digest, zstd.LEVEL)
    kept = _find(store, key)
    if kept is None:
        with store.lock(f"zstd-{key}"):
            kept = _find(store, key)
            if kept is None:
                with context.progress.task(f"compressing the layer {title}"):
                    kept = _make(store, finished)
                store.keep("steps", key, msgspec.json.encode(kept))
    return layer(
        digest=kept.digest,
        size=kept.size,
        diff_id=own.diff_id,
        title=title,
        kind=finished.plan.kind,
        media_type=values.LAYER_ZSTD,
    )


def _find(store: Store, key: str) -> _Kept | None:
    kept = store.kept_as("steps", key, _Kept)
    return kept if kept is not None and store.has_blob(kept.digest, kept.size) else None


def _make(store: Store, finished: FinishedLayer) -> _Kept:
    import gzip

    own, title = finished.layer, finished.plan.title
    compressor, hashing = zstd.Compressor(own.plain), Hashing()
    try:
        with (
            open(require(store.blob(own.digest), title), "rb") as packed,
            gzip.GzipFile(fileobj=packed) as stream,
            store.new_blob() as blob,
        ):
            while chunk := stream.read(_CHUNK):
                hashing.update(chunk)
                blob.write(compressor.add(chunk))
            if hashing.digest() != own.diff_id:
                raise EOFError
            blob.write(compressor.end())
    except (OSError, EOFError, zlib.error) as error:  # of reading: those of writing are GrockerErrors
        raise damage(own.digest, title) from error
    return _Kept(blob.hashing.digest(), blob.hashing.size)
