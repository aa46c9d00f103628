"""Where the bytes of layers come from."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol

from grocker.digest import Digest
from grocker.errors import CorruptError


class Blobs(Protocol):
    """Blobs by their digest; sizes are known from descriptors. Any thread may ask.

    A layer whose bytes are not kept may be made when it is asked for: nothing asks for bytes that nobody needs.
    """

    def open(self, digest: Digest) -> BinaryIO:
        """The blob's bytes from the beginning; seekable; closed by the caller. MissingError when there is none."""

    def path(self, digest: Digest) -> Path | None:
        """Where the blob lies as a file that may be linked to but not written, if it does."""

    def forget(self, digest: Digest) -> None:
        """The bytes were found to be others than the digest's: they are not given out again, but made anew."""


def damaged(digest: Digest, title: str, blobs: Blobs) -> CorruptError:
    """The error for a layer whose cached bytes are not those of its digest; they are forgotten.

    ``title`` is for people.
    """
    blobs.forget(digest)
    return CorruptError(
        f"the cached layer {digest} ({title}) is damaged",
        hint="it was removed: build again, and it is made anew; if it comes back, check the disk under GROCKER_CACHE",
    )
