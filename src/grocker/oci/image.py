"""An image as a value: its two documents and what is known of its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from grocker.digest import Digest
from grocker.errors import BugError
from grocker.oci import values
from grocker.oci.platforms import Platform
from grocker.oci.values import Descriptor, ImageConfig, Manifest, RunConfig

MOST_LAYERS = 127
"""the limit of overlay's mount options in docker (moby/moby, maxLayers 125 plus the container's own two)."""


class Layer(msgspec.Struct, frozen=True):
    """A layer; its bytes may be elsewhere."""

    descriptor: Descriptor
    """of the compressed bytes"""
    diff_id: Digest
    """of the tar"""
    title: str
    """what is in it, for people: ``the application``; part of the configuration's history, so the same on every host"""

    @property
    def kind(self) -> str | None:
        """What Grocker put into it (``debian``, ``wheel``, ``application``), as its descriptor says; None if unsaid."""
        return (self.descriptor.annotations or {}).get(values.LAYER_KIND)

    @property
    def digest(self) -> Digest:
        """Of the compressed bytes."""
        return Digest(self.descriptor.digest)

    @property
    def size(self) -> int:
        """Compressed bytes."""
        return self.descriptor.size


class Document(msgspec.Struct, frozen=True):
    """A blob in memory, with its descriptor: a manifest, a configuration."""

    descriptor: Descriptor
    data: bytes

    @property
    def digest(self) -> Digest:
        """The digest of ``data``."""
        return Digest(self.descriptor.digest)


class SociIndex(msgspec.Struct, frozen=True):
    """A SOCI index (``soci.py``): what a node needs to start the image before its layers are there."""

    manifest: Document
    config: Document
    tables: tuple[Layer, ...]
    """the zTOCs, which are blobs as layers are; a table's ``diff_id`` is its digest"""


class Image(msgspec.Struct, frozen=True):
    """One image for one platform."""

    manifest: Document
    config: Document
    layers: tuple[Layer, ...]
    """from the bottom to the top"""
    platform: Platform
    created: int
    """seconds since 1970: the image's one epoch"""
    soci: SociIndex | None = None
    """delivered with the image, in an index, to places that keep what they are given"""

    @property
    def digest(self) -> Digest:
        """The manifest's digest: the image's identity in a registry."""
        return self.manifest.digest

    @property
    def blobs(self) -> tuple[Layer, ...]:
        """Everything of the image that is elsewhere, by its digest: the layers, and the tables of its SOCI index."""
        return self.layers if self.soci is None else (*self.layers, *self.soci.tables)

    @property
    def documents(self) -> tuple[Document, ...]:
        """Everything of the image that is in memory: configurations and manifests."""
        own = (self.config, self.manifest)
        return own if self.soci is None else (*own, self.soci.config, self.soci.manifest)

    @property
    def manifests(self) -> tuple[Document, ...]:
        """What an index lists of it."""
        return (self.manifest,) if self.soci is None else (self.manifest, self.soci.manifest)

    @property
    def size(self) -> int:
        """Bytes of all its blobs, compressed: what a first pull transfers."""
        return len(self.manifest.data) + len(self.config.data) + sum(one.size for one in self.layers)


def layer(
    *,
    digest: Digest,
    size: int,
    diff_id: Digest,
    title: str,
    kind: str | None = None,
    media_type: str = values.LAYER_GZIP,
) -> Layer:
    """Make a layer's value; ``digest`` and ``size`` (bytes) are of the compressed form.

    ``kind`` becomes an annotation of the descriptor (``values.LAYER_KIND``).
    """
    annotations = {values.LAYER_KIND: kind} if kind is not None else None
    return Layer(Descriptor(media_type=media_type, digest=digest, size=size, annotations=annotations), diff_id, title)


def image(
    layers: Sequence[Layer],
    *,
    platform: Platform,
    run: RunConfig,
    created: int,
    annotations: Mapping[str, str] | None = None,
    soci: SociIndex | None = None,
) -> Image:
    """Make the image of ``layers``, from the bottom to the top; ``created`` in seconds since 1970.

    ``annotations`` go into the manifest, as does the digest of ``soci``. The same arguments give the same bytes.
    BugError when no engine could run it.
    """
    if not layers or len(layers) > MOST_LAYERS:
        raise BugError(
            f"the image has {len(layers)} layers; engines accept 1 to {MOST_LAYERS}",
            hint="this is a bug in Grocker: report it",
        )
    stamp = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    config_data = values.encode(
        ImageConfig(
            architecture=platform.architecture,
            os=platform.os,
            variant=platform.variant,
            created=stamp,
            config=run,
            rootfs=values.RootFs(type="layers", diff_ids=tuple(one.diff_id for one in layers)),
            history=tuple(values.History(created=stamp, created_by="grocker", comment=one.title) for one in layers),
        )
    )
    config = Document(values.describe(values.CONFIG, config_data), config_data)
    noted = dict(annotations or {})
    if soci is not None:
        noted[values.SOCI_INDEX] = soci.manifest.digest
    manifest_data = values.encode(
        Manifest(
            schema_version=2,
            media_type=values.MANIFEST,
            config=config.descriptor,
            layers=tuple(one.descriptor for one in layers),
            annotations=noted or None,
        )
    )
    manifest = Document(values.describe(values.MANIFEST, manifest_data), manifest_data)
    return Image(manifest, config, tuple(layers), platform, created, soci)
