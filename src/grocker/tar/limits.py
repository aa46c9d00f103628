"""Tar archives of others, read with bounds: on headers, on the number of members, and on what compressed bytes become.

tarfile reads a member's extended header whole, however large it says it is, and keeps a list of all members.
Source: POSIX pax (ustar and extended headers); RFC 1952 (gzip: members in a row are one file).
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from grocker.errors import CorruptError

_MOST_READ = 80 << 20
"""bytes of one read: more than any blob that is read from an archive, less than what a forged header asks for"""
_MOST_MEMBERS = 100_000
_MOST_RATIO = 250
_ALWAYS_ALLOWED = 64 << 20
"""bytes, unpacked, for which the ratio is not judged"""
_STEP = 1 << 20


class _Bounded(io.RawIOBase):
    """A stream that reads no more at once, and unpacks no more in all, than an honest archive needs."""

    def __init__(self, stream: BinaryIO, packed: BinaryIO | None) -> None:
        """``packed``: what ``stream`` unpacks; None when it is the archive itself."""
        self._stream = stream
        self._packed = packed

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if self._packed is None or whence != io.SEEK_SET or offset <= self._stream.tell():
            return self._stream.seek(offset, whence)
        while offset > self._stream.tell() and self.read(min(_STEP, offset - self._stream.tell())):
            pass
        return self._stream.tell()

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= _MOST_READ:
            raise tarfile.ReadError(f"a header of {size} bytes")
        parts = []
        while size > 0 and (data := self._stream.read(min(_STEP, size))):
            parts.append(data)
            size -= len(data)
            self._judge()
        return b"".join(parts)

    def _judge(self) -> None:
        if self._packed is not None:
            done = self._stream.tell()
            if done > _ALWAYS_ALLOWED and done > _MOST_RATIO * self._packed.tell():
                raise tarfile.ReadError("it unpacks to far more than its size: the archive is a decompression bomb")


@contextmanager
def open_tar(stream: BinaryIO, what: str) -> Iterator[tarfile.TarFile]:
    """Open a tar archive, plain or compressed by gzip, bzip2, xz or zstd; ``what`` names it in errors.

    Raises CorruptError, also for errors of reading it within the block.
    """
    try:
        with tarfile.open(fileobj=_unpacked(stream), mode="r:") as archive:
            yield archive
    except _broken() as error:
        raise CorruptError(f"{what}: not a tar archive, or damaged: {error}", hint="create it again") from error


def _broken() -> tuple[type[Exception], ...]:
    """What tarfile and the decompressors raise for archives that are none."""
    import lzma
    import zlib

    standard = (OSError, EOFError, ValueError, OverflowError, IndexError, KeyError, RecursionError, MemoryError)
    return (tarfile.TarError, lzma.LZMAError, zlib.error, *standard)


def find_members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members in their order. Raises tarfile.ReadError when there are too many."""
    for number, member in enumerate(archive):
        if number >= _MOST_MEMBERS:
            raise tarfile.ReadError(f"it has more than {_MOST_MEMBERS} members")
        yield member


def _unpacked(stream: BinaryIO) -> _Bounded:
    head = stream.read(6)
    stream.seek(0)
    unpacked: object = None
    if head.startswith(b"\x1f\x8b"):
        import gzip

        unpacked = gzip.GzipFile(fileobj=stream)
    elif head.startswith(b"BZh"):
        import bz2

        unpacked = bz2.BZ2File(stream)
    elif head == b"\xfd7zXZ\0":
        import lzma

        unpacked = lzma.LZMAFile(stream)
    elif head.startswith(b"\x28\xb5\x2f\xfd"):
        from grocker import zstd

        unpacked = zstd.FrameReader(stream)
    if unpacked is None:
        return _Bounded(stream, None)
    return _Bounded(unpacked, stream)  # type: ignore[arg-type]
