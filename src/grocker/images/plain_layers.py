"""An image whose layers are compressed by zstd, for an engine that may not read it: Docker does from version 23 on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

from msgspec.structs import replace

from grocker import zstd
from grocker.digest import Digest
from grocker.oci import Blobs, Document, Image, Layer, layer, values
from grocker.oci.blobs import damaged
from grocker.oci.values import Manifest


def with_plain_layers(image: Image, blobs: Blobs, *, known: int = 0) -> tuple[Image, Blobs]:
    """Return the image with plain tars in place of its zstd layers, and where the bytes of its layers are then.

    ``known``: how many layers, from the bottom, stay as they are because nobody reads them. The configuration stays,
    and with it the image's id in an engine. Raises MissingError, CorruptError.
    """
    packed: dict[Digest, Digest] = {}
    layers = list(image.layers)
    for number, one in enumerate(image.layers[known:], known):
        if one.descriptor.media_type == values.LAYER_ZSTD:
            layers[number] = _plain(one, blobs)
            packed[one.diff_id] = one.digest
    manifest = values.decode(image.manifest.data, Manifest, what=f"the manifest {image.digest}")
    data = values.encode(replace(manifest, layers=tuple(one.descriptor for one in layers)))
    document = Document(values.describe(values.MANIFEST, data), data)
    return replace(image, layers=tuple(layers), manifest=document), _PlainBlobs(blobs, packed)


def _plain(packed: Layer, blobs: Blobs) -> Layer:
    try:
        with blobs.open(packed.digest) as stream:
            size = zstd.content_size(stream.read(zstd.HEADER))
    except OSError as error:
        raise damaged(packed.digest, packed.title, blobs) from error
    return layer(
        digest=packed.diff_id,
        size=size,
        diff_id=packed.diff_id,
        title=packed.title,
        kind=packed.kind,
        media_type=values.LAYER,
    )


class _PlainBlobs:
    """Blobs, and the plain tars of some of them by their own digests."""

    def __init__(self, blobs: Blobs, packed: Mapping[Digest, Digest]) -> None:
        self._blobs = blobs
        self._packed = packed

    def open(self, digest: Digest) -> BinaryIO:
        """See oci.Blobs.open."""
        if digest not in self._packed:
            return self._blobs.open(digest)
        return cast(BinaryIO, _Tar(self._blobs.open(self._packed[digest])))

    def path(self, digest: Digest) -> Path | None:
        """See oci.Blobs.path."""
        return None if digest in self._packed else self._blobs.path(digest)

    def forget(self, digest: Digest) -> None:
        """See oci.Blobs.forget."""
        self._blobs.forget(self._packed.get(digest, digest))


class _Tar(zstd.FrameReader):
    """A layer's tar, which ends where its frame is damaged: its reader compares digests."""

    def read(self, size: int = -1, /) -> bytes:
        try:
            return super().read(size)
        except zstd.MalformedError:
            return b""
