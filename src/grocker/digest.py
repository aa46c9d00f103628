"""Digests as OCI writes them: ``sha256:`` and 64 hexadecimal digits (image specification, descriptor.md, Digests)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, NewType

from grocker.regex import regex

_PATTERN = r"^sha256:[0-9a-f]{64}\Z"

if TYPE_CHECKING:
    Digest = NewType("Digest", str)
else:

    class _Checked(NewType):
        """A ``str`` that msgspec holds against the pattern when it decodes one; msgspec is imported only then."""

        @property
        def __supertype__(self) -> object:
            from msgspec import Meta

            return Annotated[str, Meta(pattern=_PATTERN, description="sha256: and 64 hexadecimal digits")]

        @__supertype__.setter
        def __supertype__(self, kind: object) -> None:
            pass

    Digest = _Checked("Digest", str)
"""``sha256:HEX``, lower case. Text becomes one by ``parse``, or in a decoded document, which is checked then."""

_DIGEST = regex(_PATTERN)


def parse(text: str) -> Digest:
    """Parse a digest. ValueError when ``text`` is not ``sha256:`` and 64 lower-case hexadecimal digits."""
    if not _DIGEST.match(text):
        raise ValueError(f"not a sha256 digest: {text!r}")
    return Digest(text)


def of(data: bytes) -> Digest:
    """Compute the digest of ``data``."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def from_hex(hexadecimal: str) -> Digest:
    """Make a digest of 64 hexadecimal digits, as in ``Packages`` and simple indexes."""
    return parse("sha256:" + hexadecimal)


def hexadecimal(digest: Digest) -> str:
    """Return the 64 digits without ``sha256:``. Raises ValueError when ``digest`` was never checked and is none."""
    return parse(digest)[7:]


class Hashing:
    """Counts and hashes bytes as they pass, so that nothing is read twice."""

    __slots__ = ("_hash", "size")

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0
        """bytes seen"""

    def update(self, data: bytes | bytearray) -> None:
        """Add ``data`` to the hash and the count."""
        self._hash.update(data)
        self.size += len(data)

    def digest(self) -> Digest:
        """Return the digest of everything so far."""
        return Digest("sha256:" + self._hash.hexdigest())

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the same chunks, hashing and counting them."""
        for chunk in chunks:
            self.update(chunk)
            yield chunk
