"""Images of one application for several platforms, and what their name refers to.

Source: OCI image specification, image-index.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from grocker.errors import BugError
from grocker.oci import values
from grocker.oci.image import Document, Image
from grocker.oci.platforms import Platform
from grocker.oci.values import Descriptor


def index(images: Sequence[Image]) -> Document:
    """Make the image index of ``images``; their order does not change its bytes.

    BugError when two are for the same platform.
    """
    listed = sorted(images, key=lambda one: str(one.platform))
    # The images come first: an engine that does not know SOCI takes the first entry for its platform.
    entries = [*map(describe_image, listed), *(_describe_soci(one) for one in listed if one.soci is not None)]
    if not listed or len({one.platform for one in listed}) != len(listed):
        raise BugError(
            f"cannot create an index of images for {', '.join(str(one.platform) for one in listed) or 'no platform'}",
            hint="this is a bug in Grocker: report it",
        )
    data = values.encode(values.Index(schema_version=2, media_type=values.INDEX, manifests=tuple(entries)))
    return Document(values.describe(values.INDEX, data), data)


def root(images: Sequence[Image]) -> Document:
    """Make what a name refers to: the manifest of one image, the index of several or of one with a SOCI index."""
    return images[0].manifest if len(images) == 1 and images[0].soci is None else index(images)


def describe_image(image: Image) -> Descriptor:
    """Make the descriptor of the image's manifest, with its platform."""
    return replace(image.manifest.descriptor, platform=_platform(image))


def _describe_soci(image: Image) -> Descriptor:
    assert image.soci is not None
    return replace(
        image.soci.manifest.descriptor,
        platform=_platform(image),
        artifact_type=values.SOCI_TYPE,
        annotations={values.SOCI_IMAGE: image.digest},
    )


def _platform(image: Image) -> values.PlatformValue:
    return values.PlatformValue(image.platform.architecture, image.platform.os, image.platform.variant)


def find_image(images: Sequence[Image], platform: Platform) -> Image | None:
    """Find the image for ``platform``: of its variant, else without a variant, which every such machine runs."""
    by_platform = {one.platform: one for one in images}
    return by_platform.get(platform) or by_platform.get(Platform(platform.os, platform.architecture))
