"""Images of one application for several platforms, and what a name of theirs refers to.

Source: OCI image specification, image-index.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from grocker.errors import BugError
from grocker.oci import values
from grocker.oci.image import Document, Image
from grocker.oci.platforms import Platform
from grocker.oci.values import Descriptor


def index(images: Sequence[Image]) -> Document:
    """The image index of ``images``; the same bytes in whatever order they come.

    BugError when two are for the same platform: nobody could tell which of them to take.
    """
    listed = sorted(images, key=lambda one: str(one.platform))
    if not listed or len({one.platform for one in listed}) != len(listed):
        raise BugError(f"an index of images for {', '.join(str(one.platform) for one in listed) or 'no platform'}")
    data = values.encode(
        values.Index(schema_version=2, media_type=values.INDEX, manifests=tuple(describe_image(one) for one in listed))
    )
    return Document(values.describe(values.INDEX, data), data)


def root(images: Sequence[Image]) -> Document:
    """What a name refers to: the manifest of one image, the index of several."""
    return images[0].manifest if len(images) == 1 else index(images)


def describe_image(image: Image) -> Descriptor:
    """The descriptor of the image's manifest, with its platform."""
    plain = image.manifest.descriptor
    platform = values.PlatformValue(image.platform.architecture, image.platform.os, image.platform.variant)
    return Descriptor(media_type=plain.media_type, digest=plain.digest, size=plain.size, platform=platform)


def find_image(images: Sequence[Image], platform: Platform) -> Image | None:
    """The image for ``platform``: of that variant, else of the one that every such machine runs; None without any."""
    by_platform = {one.platform: one for one in images}
    return by_platform.get(platform) or by_platform.get(Platform(platform.os, platform.architecture))
