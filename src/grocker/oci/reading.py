"""Images read back as values: from an index, its manifests and their configurations.

Images of other tools are read leniently; ``validate`` judges whether they are valid.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from msgspec.structs import replace

from grocker import digest as digests
from grocker.errors import CorruptError, MissingError
from grocker.oci import values
from grocker.oci.image import Document, Image, Layer
from grocker.oci.platforms import Platform
from grocker.oci.values import Descriptor, ImageConfig, Index, Manifest

LARGEST = 4 << 20
"""bytes: the largest manifest that registries accept (distribution-spec, Pushing Manifests)"""

_HINT = "build or push the image again: it is damaged or malformed"

Fetch = Callable[[Descriptor], bytes]
"""The bytes of a manifest, index or configuration. Raises GrockerError when they cannot be read."""


def check_document(descriptor: Descriptor, data: bytes) -> Document:
    """Check that ``data`` is what ``descriptor`` describes. CorruptError when it is not."""
    expected = values.digest_of(descriptor)
    found = digests.of(data)
    if len(data) != descriptor.size or found != expected:
        raise CorruptError(
            f"expected {expected} of {descriptor.size} bytes, got {found} of {len(data)} bytes",
            hint="the content was changed or damaged, in storage or in transit",
        )
    return Document(descriptor, data)


def parse_root(data: bytes, kind: str | None = None) -> Document:
    """Make a document of ``data``, a manifest or an index served as media type ``kind``.

    When ``kind`` is neither, the document's own fields decide. CorruptError when ``data`` is malformed.
    """
    digest = digests.of(data)
    if kind not in values.MANIFESTS | values.INDEXES:
        shape = values.decode(data, _Shape, what=str(digest))
        # A document may leave out its media type; its fields tell (image-spec, manifest.md, mediaType).
        kind = shape.media_type or (values.INDEX if shape.manifests else values.MANIFEST if shape.layers else kind)
    return Document(Descriptor(media_type=kind or "unknown", digest=digest, size=len(data)), data)


class _Shape(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str | None = None
    manifests: msgspec.Raw = msgspec.Raw()
    layers: msgspec.Raw = msgspec.Raw()


def read_images(root: Document, fetch: Fetch, *, what: str, platform: Platform | None = None) -> tuple[Image, ...]:
    """Read the images that ``root``, a manifest or an index, refers to, in its order.

    ``platform``: only the image for that platform. ``what`` names the root for people. What an index lists besides
    images and their SOCI indexes (attestations without a platform) is left out.
    Raises CorruptError for malformed documents, MissingError when there is no image for the platform.
    """
    kind = root.descriptor.media_type
    if kind not in values.MANIFESTS | values.INDEXES:
        raise CorruptError(
            f"{what} is not an image: its type is {kind!r}",
            hint="if it is an image of schema 1, build or push it again with a current tool",
        )
    if kind in values.MANIFESTS:
        found = [_read_image(root, fetch)]
    else:
        index = values.decode(root.data, Index, what=f"the index {root.digest}")
        listed = [one for one in index.manifests if one.media_type in values.MANIFESTS and not _is_artifact(one)]
        indexes = {
            (one.annotations or {}).get(values.SOCI_IMAGE): one
            for one in index.manifests
            if one.artifact_type == values.SOCI_TYPE
        }
        if platform is not None and all(one.platform is not None for one in listed):
            listed = [one for one in listed if _platform(one) == platform] or listed
        found = [
            _with_soci(
                _read_image(check_document(_strip(one), _fetch_small(one, "manifest", what, fetch)), fetch),
                indexes.get(one.digest),
                fetch,
            )
            for one in listed
        ]
    selected = [one for one in found if platform in (None, one.platform)]
    if not selected:
        has = ", ".join(str(one.platform) for one in found) or "none at all"
        raise MissingError(f"{what} has no image for {platform or 'any platform'}", hint=f"its platforms: {has}")
    return tuple(selected)


def _read_image(manifest: Document, fetch: Fetch) -> Image:
    what = f"the manifest {manifest.digest}"
    value = values.decode(manifest.data, Manifest, what=what)
    config = check_document(value.config, _fetch_small(value.config, "configuration", what, fetch))
    described = values.decode(config.data, ImageConfig, what=f"the configuration {config.digest}")
    diff_ids = described.rootfs.diff_ids
    if len(diff_ids) != len(value.layers):
        raise CorruptError(
            f"{what} lists {len(value.layers)} layers, but its configuration lists {len(diff_ids)}", hint=_HINT
        )
    for one in value.layers:
        values.digest_of(one)
    history = [one.comment or one.created_by or "" for one in described.history or () if not one.empty_layer]
    titles = history if len(history) == len(diff_ids) else [""] * len(diff_ids)
    layers = [Layer(one, diff_id, title) for one, diff_id, title in zip(value.layers, diff_ids, titles, strict=True)]
    platform = Platform(described.os, described.architecture, described.variant)
    return Image(manifest, config, tuple(layers), _normalise(platform), _parse_time(described.created))


def _with_soci(image: Image, listed: Descriptor | None, fetch: Fetch) -> Image:
    """Add the SOCI index that an index lists for the image; only what the image itself names counts."""
    if listed is None:
        return image
    manifest = values.decode(image.manifest.data, Manifest, what=f"the manifest {image.digest}")
    if (manifest.annotations or {}).get(values.SOCI_INDEX) != listed.digest:
        return image
    from grocker.oci import soci  # most images have none

    data = _fetch_small(listed, "SOCI index", f"the index of {image.digest}", fetch)
    return replace(image, soci=soci.read_index(check_document(_strip(listed), data)))


def _strip(descriptor: Descriptor) -> Descriptor:
    """Drop what an index says beyond the document itself."""
    return Descriptor(media_type=descriptor.media_type, digest=descriptor.digest, size=descriptor.size)


def _fetch_small(descriptor: Descriptor, kind: str, what: str, fetch: Fetch) -> bytes:
    if descriptor.size > LARGEST:
        raise CorruptError(f"{what} refers to a {kind} of {descriptor.size} bytes, which is too large", hint=_HINT)
    values.digest_of(descriptor)
    return fetch(descriptor)


def _platform(descriptor: Descriptor) -> Platform | None:
    said = descriptor.platform
    return None if said is None else _normalise(Platform(said.os, said.architecture, said.variant))


def _normalise(platform: Platform) -> Platform:
    """Drop the variant v8 of 64-bit ARM, as containerd does: there is no other."""
    if (platform.architecture, platform.variant) == ("arm64", "v8"):
        return Platform(platform.os, platform.architecture)
    return platform


def _is_artifact(descriptor: Descriptor) -> bool:
    """Whether it is an artifact other than an image, such as an attestation of BuildKit."""
    return descriptor.artifact_type is not None or (
        descriptor.platform is not None and descriptor.platform.os == descriptor.platform.architecture == "unknown"
    )


def _parse_time(text: str | None) -> int:
    """Parse an RFC 3339 time into seconds since 1970; 0 for none."""
    if not text:
        return 0
    try:
        return int(datetime.fromisoformat(text[:19] + "+00:00").timestamp())
    except (ValueError, OverflowError):
        return 0
