"""Zstandard (RFC 8878): write data as one frame, read frames."""

from __future__ import annotations

import io
from functools import partial
from typing import BinaryIO, Protocol, cast

LEVEL = 9
HEADER = 18
"""bytes: a frame's header has at most as many (section 3.1.1.1)"""
_THREADS = 4
"""a frame depends on whether there are any, not on how many"""


class MalformedError(OSError):
    """What is read is not a frame, or is damaged."""


class Readable(Protocol):
    """What is read."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most ``size`` bytes; none at the end."""


class Compressor:
    """Writes one frame piece by piece. The same data gives the same bytes, whatever the pieces."""

    def __init__(self, size: int) -> None:
        """``size``: bytes of all the data, which the frame's header says. Raises MemoryError, as all methods do."""
        import zstandard

        self._error = zstandard.ZstdError
        parameters = zstandard.ZstdCompressionParameters.from_level(
            LEVEL, source_size=size, threads=_THREADS, write_checksum=True
        )
        try:
            self._frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=size)
        except self._error as error:
            raise MemoryError(str(error)) from error

    def add(self, plain: bytes) -> bytes:
        """Compress a piece; return what is ready."""
        try:
            return self._frame.compress(plain)
        except self._error as error:
            raise MemoryError(str(error)) from error

    def end(self) -> bytes:
        """Return the rest of the frame."""
        try:
            return self._frame.flush()
        except self._error as error:
            raise MemoryError(str(error)) from error


class FrameReader(io.RawIOBase):
    """Reads what is in a stream of frames, and closes the stream with itself. Raises MalformedError."""

    def __init__(self, packed: Readable) -> None:
        """``packed`` is at its beginning, and need only be seekable for whoever seeks backwards."""
        import zstandard

        self._packed = cast(BinaryIO, packed)
        self._open = partial(
            zstandard.ZstdDecompressor().stream_reader, self._packed, read_across_frames=True, closefd=False
        )
        self._reader = self._open()
        self._error = zstandard.ZstdError

    def readable(self) -> bool:
        """See io.IOBase."""
        return True

    def tell(self) -> int:
        """Bytes read so far."""
        return int(self._reader.tell())

    def read(self, size: int = -1, /) -> bytes:
        """See io.RawIOBase."""
        try:
            return self._reader.read(size)
        except self._error as error:
            raise MalformedError(str(error)) from error

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """See io.IOBase. Seeking backwards reads from the start."""
        try:
            if whence == io.SEEK_SET and offset < self.tell():
                self._packed.seek(0)
                self._reader = self._open()
            return int(self._reader.seek(offset, whence))
        except self._error as error:
            raise MalformedError(str(error)) from error

    def close(self) -> None:
        """See io.IOBase."""
        if not self.closed:
            close = getattr(self._packed, "close", None)
            if close is not None:
                close()
        super().close()


def content_size(head: bytes) -> int:
    """Return how many bytes the frame has that begins with ``head``. MalformedError when its header does not say so."""
    import zstandard

    try:
        size = zstandard.frame_content_size(head)
    except zstandard.ZstdError as error:
        raise MalformedError(str(error)) from error
    if size < 0:
        raise MalformedError("no size")
    return int(size)
