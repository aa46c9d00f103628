"""The seam between images and the places that they are read from, and the reading of an OCI layout's files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import msgspec

from grocker import digest as digests
from grocker.errors import CorruptError, GrockerError, MissingError, UsageError
from grocker.images.sink import PlaceContext
from grocker.oci import Document, reference, values
from grocker.oci.reading import LARGEST, check_document, parse_root
from grocker.oci.values import Descriptor

_INDEX = "index.json"


class OpenedImage(msgspec.Struct, frozen=True):
    """An image in some place, opened for reading."""

    place: str
    """for people: ``Grocker's store``"""
    root: Document
    """what its name refers to: a manifest or an index"""
    fetch: Callable[[Descriptor], bytes]
    """reads a manifest or configuration"""
    layer: Callable[[Descriptor], bytes]
    """reads a layer into memory: for small ones"""


class ImageModule(Protocol):
    """A module of this room whose place can be read from."""

    def open_image(self, text: str, context: PlaceContext) -> AbstractContextManager[OpenedImage]:
        """Open the image that ``text`` names there: ``PATH[:NAME]``, or a reference.

        Raises MissingError, UsageError, CorruptError, and what a registry raises.
        """


def split_path(text: str) -> tuple[Path, str | None]:
    """Split ``PATH`` or ``PATH:NAME``; a path with a colon that exists is a path."""
    place, colon, name = text.partition(":")
    while colon and not Path(place).exists() and ":" in name:
        more, _, name = name.partition(":")
        place = f"{place}:{more}"
    if not colon or Path(text).exists():
        return Path(text), None
    return Path(place), name or None


def image_of_files(place: str, read: Callable[[str, int], bytes | None], name: str | None) -> OpenedImage:
    """Find an image in the files of an OCI layout.

    ``place``: for people. ``read``: reads a file of the layout, at most so many bytes and one more; None when there is
    no such file. ``name``: the image's name; not needed when the layout has only one image.
    """

    def bytes_of(descriptor: Descriptor) -> bytes:
        digest = values.digest_of(descriptor)
        data = read(f"blobs/sha256/{digests.hexadecimal(digest)}", descriptor.size)
        if data is None:
            raise MissingError(f"{place} lacks {digest}", hint="create it again: it is incomplete or damaged")
        return check_document(descriptor, data).data

    data = read(_INDEX, LARGEST)
    if data is None:
        raise CorruptError(
            f"{place} is not an OCI layout: it has no {_INDEX}",
            hint="archives of older docker versions lack it; load them instead",
        )
    index = values.decode(data, values.Index, what=f"{place}, {_INDEX}")
    found = {}
    listed = [one for one in index.manifests if one.artifact_type is None]
    for one in listed:
        called = (one.annotations or {}).get(values.REF_NAME)
        if name is None or name in _names(called):
            found[one.digest] = one
    if len(found) != 1:
        known = ", ".join(sorted({(o.annotations or {}).get(values.REF_NAME, o.digest) for o in listed}))
        if not found:
            raise MissingError(f"{place} has no image {name or ''}".rstrip(), hint=f"its images: {known or 'none'}")
        raise UsageError(f"{place} has {len(found)} images", hint=f"append a colon and one of: {known}")
    [top] = found.values()
    if top.size > LARGEST:
        raise CorruptError(
            f"{place} refers to a manifest of {top.size} bytes, which is too large",
            hint="create it again: it is incomplete or damaged",
        )
    return OpenedImage(place, parse_root(bytes_of(top), top.media_type), bytes_of, bytes_of)


def _names(called: str | None) -> frozenset[str]:
    """List the forms of an image's name that find it in a layout."""
    if called is None:
        return frozenset()
    try:
        known = reference.parse(called)
    except GrockerError:
        return frozenset({called})
    local = {f"{known.repository}:{known.tag}"} if known.host == "localhost" else set()
    return frozenset({called, known.docker, *local})
