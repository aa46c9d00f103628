"""The body of a request: bytes, or a stream of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

PIECE = 1 << 17
"""bytes that are sent at a time"""


class BodyStream(Protocol):
    """A request's body that is read piece by piece."""

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""

    def tell(self) -> int:
        """The place."""

    def seekable(self) -> bool:
        """Whether it can be read again."""


def pieces(body: bytes | BodyStream | None, is_chunked: bool) -> Iterator[bytes | memoryview]:
    """Yield what is sent of a body, piece by piece; ``is_chunked``: each with its size (RFC 9112, section 7.1)."""
    if body is None:
        return
    if isinstance(body, bytes):
        view = memoryview(body)
        for start in range(0, len(view), PIECE):
            yield view[start : start + PIECE]
        return
    while piece := body.read(PIECE):
        yield b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece
    if is_chunked:
        yield b"0\r\n\r\n"
