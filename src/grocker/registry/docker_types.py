"""An image's documents with the media types that docker wrote before OCI's existed, for registries that know no others.

The blobs are the same bytes. The manifests are not, so their digests differ from the image's own; annotations, which
Docker's documents do not have, are left out.
Sources: distribution, Image Manifest Version 2, Schema 2 (manifest, manifest list).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from grocker.oci import Document, Image, values
from grocker.oci.index import root
from grocker.oci.values import Descriptor, Index, Manifest

CONFIG = "application/vnd.docker.container.image.v1+json"
LAYERS = {
    values.LAYER: "application/vnd.docker.image.rootfs.diff.tar",
    values.LAYER_GZIP: "application/vnd.docker.image.rootfs.diff.tar.gzip",
}


class ManifestSet(msgspec.Struct, frozen=True):
    """What a push sends besides blobs."""

    manifests: tuple[Document, ...]
    """those that an index lists; empty for a single image"""
    root: Document
    """what the names refer to"""
    has_docker_types: bool = False


def with_oci_types(images: Sequence[Image]) -> ManifestSet:
    """Return the documents as they are."""
    top = root(images)
    return ManifestSet(() if top is images[0].manifest else tuple(m for one in images for m in one.manifests), top)


def with_docker_types(images: Sequence[Image]) -> ManifestSet | None:
    """Make the documents with Docker's media types, which know no SOCI index.

    None when Docker has none for a layer's compression.
    """
    if any(layer.descriptor.media_type not in LAYERS for image in images for layer in image.layers):
        return None
    converted = [replace(image, manifest=_convert(image), soci=None) for image in images]
    if len(converted) == 1:
        return ManifestSet((), converted[0].manifest, has_docker_types=True)
    listed = values.decode(root(converted).data, Index, what="the index")
    data = values.encode(replace(listed, media_type=values.DOCKER_LIST))
    top = Document(values.describe(values.DOCKER_LIST, data), data)
    return ManifestSet(tuple(one.manifest for one in converted), top, has_docker_types=True)


def _convert(image: Image) -> Document:
    config = image.config.descriptor
    data = values.encode(
        Manifest(
            schema_version=2,
            media_type=values.DOCKER_MANIFEST,
            config=Descriptor(media_type=CONFIG, digest=config.digest, size=config.size),
            layers=tuple(
                Descriptor(media_type=LAYERS[one.descriptor.media_type], digest=one.digest, size=one.size)
                for one in image.layers
            ),
        )
    )
    return Document(values.describe(values.DOCKER_MANIFEST, data), data)
