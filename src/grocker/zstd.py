"""Zstandard (RFC 8878): one frame of what a layer has, and reading what others wrote."""

from __future__ import annotations

import io
from functools import partial
from typing import BinaryIO, Protocol, cast

from grocker.errors import CorruptError

LEVEL = 9
_THREADS = 4
"""a frame depends on whether there are any, not on how many"""
HEADER = 18
"""bytes: a frame's header has at most as many (section 3.1.1.1)"""


class MalformedError(OSError):
    """What is read was not compressed by zstd, or is damaged."""


class Readable(Protocol):
    """What is read."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most ``size`` bytes; none at the end."""


class Packing:
    """Makes one frame, the same on every host, piece by piece."""

    def __init__(self, size: int) -> None:
        """``size``: bytes of all that will be compressed; the frame's header tells it."""
        import zstandard

        parameters = zstandard.ZstdCompressionParameters.from_level(
            LEVEL, source_size=size, threads=_THREADS, write_checksum=True
        )
        self._frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=size)

    def add(self, plain: bytes) -> bytes:
        """Compress a piece; return what is ready."""
        return self._frame.compress(plain)

    def end(self) -> bytes:
        """Return the rest of the frame. ValueError when it has another size than was said."""
        import zstandard

        try:
            return self._frame.flush()
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error


class Unpacked(io.RawIOBase):
    """What is in a stream of frames. Raises MalformedError for damaged data."""

    def __init__(self, packed: Readable) -> None:
        """``packed`` is at its beginning; only who seeks backwards needs one that does."""
        import zstandard

        self._packed = cast(BinaryIO, packed)
        self._open = partial(
            zstandard.ZstdDecompressor().stream_reader, self._packed, read_across_frames=True, closefd=False
        )
        self._reader = self._open()
        self._broken = zstandard.ZstdError

    def readable(self) -> bool:
        """See io.IOBase."""
        return True

    def tell(self) -> int:
        """Bytes unpacked so far."""
        return int(self._reader.tell())

    def read(self, size: int = -1, /) -> bytes:
        """See io.RawIOBase."""
        try:
            return self._reader.read(size)
        except self._broken as error:
            raise MalformedError(str(error)) from error

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """See io.IOBase. To seek backwards begins anew."""
        try:
            if whence == io.SEEK_SET and offset < self.tell():
                self._packed.seek(0)
                self._reader = self._open()
            return int(self._reader.seek(offset, whence))
        except self._broken as error:
            raise MalformedError(str(error)) from error

    def close(self) -> None:
        """Close it, and the stream that it reads."""
        if not self.closed:
            close = getattr(self._packed, "close", None)
            if close is not None:
                close()
        super().close()


def read_size(head: bytes, what: str) -> int:
    """Return the bytes that the frame beginning with ``head`` holds. CorruptError when its header does not tell."""
    import zstandard

    try:
        size = zstandard.frame_content_size(head)
    except zstandard.ZstdError as error:
        raise CorruptError(f"{what} is not compressed by zstd: {error}", hint="build the image again") from error
    if size < 0:
        raise CorruptError(f"{what} does not say how large it is", hint="build the image again")
    return int(size)
