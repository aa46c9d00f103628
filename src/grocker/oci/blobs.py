"""The seam through which the bytes of layers are read."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol

from grocker.digest import Digest
from grocker.errors import CorruptError


class Blobs(Protocol):
    """Blobs by their digest; sizes are known from descriptors. Thread safe.

    An implementation may make a layer's bytes on request: nobody asks for bytes that are not needed.
    """

    def open(self, digest: Digest) -> BinaryIO:
        """Open the blob at its beginning; seekable; closed by the caller. MissingError when there is none."""

    def path(self, digest: Digest) -> Path | None:
        """The blob's file, to link to but not to write; None when it is not in a file."""

    def forget(self, digest: Digest) -> None:
        """Drop bytes that do not match the digest, so that they are not returned again but made anew."""


def damaged(digest: Digest, title: str, blobs: Blobs) -> CorruptError:
    """Forget the cached bytes of a layer that do not match its digest, and return the error to raise.

    ``title`` is for people.
    """
    blobs.forget(digest)
    return damage(digest, title)


def damage(digest: Digest, title: str) -> CorruptError:
    """Return the error for a cached layer that was damaged and is deleted now."""
    return CorruptError(
        f"the cached layer {digest} ({title}) is damaged",
        hint="build again (the damaged file was deleted); if this recurs, check the disk under GROCKER_CACHE",
    )
