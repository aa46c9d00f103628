"""Artifacts that refer to an image: an SBOM, provenance, a signature.

Source: OCI image specification 1.1, manifest.md ("Guidelines for Artifact Usage", ``subject``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from grocker.oci import values
from grocker.oci.image import Document
from grocker.oci.values import Descriptor, Manifest

_EMPTY = Document(values.describe(values.EMPTY, b"{}"), b"{}")


class Artifact(msgspec.Struct, frozen=True):
    """A manifest that is not an image's, and its blobs, all at hand."""

    manifest: Document
    blobs: tuple[Document, ...]
    """the empty configuration and the content"""
    subject: Descriptor
    """the manifest or index that it refers to"""

    @property
    def descriptor(self) -> Descriptor:
        """The manifest's descriptor as an index lists it: with the artifact's type and annotations."""
        manifest = values.decode(self.manifest.data, Manifest, what="an artifact")
        plain = self.manifest.descriptor
        return Descriptor(
            media_type=plain.media_type,
            digest=plain.digest,
            size=plain.size,
            annotations=manifest.annotations,
            artifact_type=manifest.artifact_type,
        )


def artifact(
    subject: Descriptor,
    artifact_type: str,
    content: Sequence[Document],
    *,
    annotations: Mapping[str, str] | None = None,
) -> Artifact:
    """Make the artifact of media type ``artifact_type`` that has ``content`` and refers to ``subject``.

    The same arguments give the same bytes.
    """
    plain = Descriptor(media_type=subject.media_type, digest=subject.digest, size=subject.size)
    data = values.encode(
        Manifest(
            schema_version=2,
            media_type=values.MANIFEST,
            artifact_type=artifact_type,
            config=_EMPTY.descriptor,
            layers=tuple(one.descriptor for one in content),
            subject=plain,
            annotations=dict(annotations) if annotations else None,
        )
    )
    return Artifact(Document(values.describe(values.MANIFEST, data), data), (_EMPTY, *content), plain)
