"""SOCI (Seekable OCI): images that start before they are pulled.

A SOCI index is a manifest that stands beside the image's own in one image index, and whose blobs are tables of contents
of the image's larger layers (``tar/ztoc.py``). The layers stay as they are; the two manifests name each other by
annotations. A node with soci-snapshotter mounts the layers and fetches what is read; every other engine ignores it.
Sources: soci-snapshotter, docs/soci-index-manifest-v2.md, soci/soci_index.go, soci/soci_convert.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from grocker.digest import Digest
from grocker.oci import values
from grocker.oci.image import Document, Layer, SociIndex
from grocker.oci.values import Descriptor, Manifest

LEAST = 10 << 20
"""bytes, compressed, of a layer that has a table: to fetch less at once is quicker; soci-snapshotter's default"""

_TABLE = "application/octet-stream"
_LAYER_TYPE = "com.amazon.soci.image-layer-mediaType"
_LAYER_DIGEST = "com.amazon.soci.image-layer-digest"
_SPAN_SIZE = "com.amazon.soci.span-size"
_TOOL = "com.amazon.soci.build-tool-identifier"
_TITLE = "a table of contents"
_CONFIG_DATA = b"{}"
_CONFIG = Document(values.describe(values.SOCI_TYPE, _CONFIG_DATA), _CONFIG_DATA)


def is_worth(layer: Layer) -> bool:
    """Tell whether a layer gets a table: one that is large, and compressed as readers expect."""
    return layer.size >= LEAST and layer.descriptor.media_type == values.LAYER_GZIP


def make_index(tables: Mapping[Digest, tuple[Digest, int]], layers: Iterable[Layer], *, span: int) -> SociIndex | None:
    """Make the index of an image's ``layers``; None when none of them has a table.

    ``tables``: digest and size in bytes of the table of each layer that has one, by the layer's digest. ``span``: bytes
    between their checkpoints.
    """
    listed = tuple(
        Descriptor(
            media_type=_TABLE,
            digest=tables[one.digest][0],
            size=tables[one.digest][1],
            annotations={
                _LAYER_TYPE: one.descriptor.media_type,
                _LAYER_DIGEST: one.digest,
                _SPAN_SIZE: str(span),
            },
        )
        for one in layers
        if one.digest in tables
    )
    if not listed:
        return None
    data = values.encode(
        Manifest(
            schema_version=2,
            media_type=values.MANIFEST,
            artifact_type=values.SOCI_TYPE,
            config=_CONFIG.descriptor,
            layers=listed,
            annotations={_TOOL: "grocker"},
        )
    )
    return read_index(Document(values.describe(values.MANIFEST, data), data))


def read_index(manifest: Document) -> SociIndex | None:
    """Read the index whose manifest that is; None when its configuration is not ``{}``. Raises CorruptError."""
    found = values.decode(manifest.data, Manifest, what=f"the SOCI index {manifest.digest}")
    if found.config.digest != _CONFIG.digest:
        return None
    tables = tuple(Layer(one, values.digest_of(one), _TITLE) for one in found.layers)
    return SociIndex(manifest, _CONFIG, tables)
