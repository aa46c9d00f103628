"""The body of a request: bytes, or a stream of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

PIECE = 1 << 17
"""bytes that are sent or received at a time"""


class BodyStream(Protocol):
    """A request's body that is read piece by piece."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most ``size`` bytes, none at the end."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Set the position."""

    def tell(self) -> int:
        """Return the position."""

    def seekable(self) -> bool:
        """Whether it can be read again."""


class BodyError(Exception):
    """A body cannot be read, or is shorter than was announced: the reason in words."""


def split_body(body: bytes | BodyStream | None, size: int | None) -> Iterator[bytes | memoryview]:
    """Yield what is sent of a body, piece by piece.

    ``size``: bytes of a stream, of which no more are read; None for one that goes in chunks, each with its size
    (RFC 9112, section 7.1). Raises BodyError.
    """
    if body is None:
        return
    if isinstance(body, bytes):
        view = memoryview(body)
        for start in range(0, len(view), PIECE):
            yield view[start : start + PIECE]
        return
    if size is None:
        while piece := _read(body, PIECE):
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"
        return
    left = size
    while left:
        piece = _read(body, min(left, PIECE))
        if not piece:
            raise BodyError(f"the data to send ended after {size - left} of {size} bytes")
        left -= len(piece)
        yield piece


def _read(body: BodyStream, size: int) -> bytes:
    try:
        return body.read(size)
    except OSError as error:  # not the network's, which is tried again
        raise BodyError(f"cannot read the data to send: {error.strerror or error}") from error
