"""An image with layers that zstd compressed, for an engine that may not know it: Docker does from version 23 on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

from msgspec.structs import replace

from grocker import zstd
from grocker.digest import Digest
from grocker.oci import Blobs, Document, Image, Layer, layer, values
from grocker.oci.values import Manifest


def uncompress(image: Image, blobs: Blobs) -> tuple[Image, Blobs]:
    """Return the image with plain tars in place of layers that zstd compressed, and where the bytes of its layers are.

    The configuration stays, and with it the image's name in an engine. MissingError, CorruptError.
    """
    packed = {one.diff_id: one.digest for one in image.layers if one.descriptor.media_type == values.LAYER_ZSTD}
    if not packed:
        return image, blobs
    layers = tuple(_plain(one, blobs) if one.diff_id in packed else one for one in image.layers)
    manifest = values.decode(image.manifest.data, Manifest, what=f"the manifest {image.digest}")
    data = values.encode(replace(manifest, layers=tuple(one.descriptor for one in layers)))
    made = replace(image, layers=layers, manifest=Document(values.describe(values.MANIFEST, data), data))
    return made, _Unpacked(blobs, packed)


def _plain(packed: Layer, blobs: Blobs) -> Layer:
    with blobs.open(packed.digest) as stream:
        size = zstd.read_size(stream.read(zstd.HEADER), f"the layer {packed.digest} ({packed.title})")
    return layer(
        digest=packed.diff_id,
        size=size,
        diff_id=packed.diff_id,
        title=packed.title,
        kind=packed.kind,
        media_type=values.LAYER,
    )


class _Unpacked:
    """Blobs, some of which are read from others."""

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


class _Tar(zstd.Unpacked):
    """A layer's tar, which ends where its frame is damaged: who reads it compares digests."""

    def read(self, size: int = -1, /) -> bytes:
        try:
            return super().read(size)
        except zstd.MalformedError:
            return b""
