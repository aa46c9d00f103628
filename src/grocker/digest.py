"""Digests as OCI writes them: ``sha256:`` and 64 hexadecimal digits (image specification, descriptor.md, Digests)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import NewType

Digest = NewType("Digest", str)
"""``sha256:HEX``, lower case."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


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
    """Return the 64 digits without ``sha256:``."""
    return digest[7:]


class Hashing:
    """Counts and hashes bytes as they pass, so that nothing is read twice."""

    __slots__ = ("_hash", "size")

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0
        """bytes seen"""

    def update(self, data: bytes) -> None:
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
