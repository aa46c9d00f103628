"""The zip archive of a wheel, untrusted: names, sizes, links, overlaps and hashes are checked before use.

Source: Python packaging specifications, "Binary distribution format"; PKWARE APPNOTE 4.3.
"""

from __future__ import annotations

import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import msgspec

from grocker.errors import CorruptError, StorageError

LARGE = 8 << 20
"""bytes; larger members are streamed"""

MOST_HELD = 128 << 20
"""bytes in memory of one wheel's files, besides its sources; the rest is streamed too"""
MOST_SOURCES = 256 << 20
"""bytes in memory of one wheel's sources, which are compiled; those beyond are not"""
_ZSTANDARD = 93
_METHODS = frozenset({ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA, getattr(zipfile, "ZIP_ZSTANDARD", ZIP_STORED)})
"""those that ``zipfile`` reads, as pip and uv do; Zstandard from Python 3.14 on"""
_HINT = "choose another version, and tell its publisher"
_CHUNK = 1 << 18
_SMALL_CHUNK = 1 << 12
_MOST_RATIO = 100
_ALWAYS_ALLOWED = 1 << 30
"""bytes, unpacked, for which the ratio is not judged: an empty database compresses a thousandfold, and large members
are streamed"""
_MOST_UNPACKED = 32 << 30
"""bytes: five times the largest wheels on indexes"""
_MOST_DIRECTORY = 32 << 20
"""bytes of the archive's own directory: more than 100,000 files"""
_END = struct.Struct("<4s4H2LH")
"""end of central directory record (APPNOTE 4.3.16)"""
_END_64 = struct.Struct("<4sQ2H2L4Q")
"""zip64 end of central directory record (APPNOTE 4.3.14)"""
_LOCAL = struct.Struct("<4s5H3L2H")
"""local file header (APPNOTE 4.3.7)"""


class ZipMember(msgspec.Struct, frozen=True):
    """A regular file of the archive."""

    name: str
    size: int
    """bytes, unpacked"""
    executable: bool
    info: ZipInfo


class ZipContent(msgspec.Struct, frozen=True):
    """A large member's bytes (a ``tar.entry.Content``): read from the archive each time."""

    archive: Path
    file: str
    """the wheel's name, for errors"""
    name: str
    size: int
    header: int
    """where its local header begins"""
    packed: int
    """bytes, compressed"""
    checksum: int
    """CRC-32 of the bytes"""
    method: int
    """of compression"""
    sha256: str = ""
    """see tar.entry.Content"""

    @classmethod
    def of(cls, archive: Path, file: str, member: ZipMember, sha256: str = "") -> ZipContent:
        """The content of a member of the archive at the path ``archive``; ``sha256`` if its bytes were read."""
        info = member.info
        return cls(
            archive,
            file,
            member.name,
            member.size,
            info.header_offset,
            info.compress_size,
            info.CRC,
            info.compress_type,
            sha256,
        )

    def chunks(self) -> Iterator[bytes]:
        """The bytes, without reading the archive's directory again: there may be thousands of such files.

        Raises CorruptError when the archive has changed or is damaged.
        """
        if self.method not in (ZIP_STORED, ZIP_DEFLATED):
            yield from self._by_zipfile()
            return
        seen = checksum = 0
        try:
            with self.archive.open("rb") as stream:
                for data in self._inflated(stream):
                    seen += len(data)
                    checksum = zlib.crc32(data, checksum)
                    if seen > self.size:
                        break
                    yield data
        except (zlib.error, struct.error, EOFError) as error:
            raise CorruptError(
                f"reading {self.name} from {self.file}: {str(error) or 'truncated'}", hint=_HINT
            ) from error
        except OSError as error:
            raise StorageError(
                f"reading {self.name} from {self.file}: {error.strerror}", hint="check the disk under GROCKER_CACHE"
            ) from error
        if (seen, checksum) != (self.size, self.checksum):
            raise CorruptError(
                f"reading {self.name} from {self.file}: the archive has changed or is damaged", hint=_HINT
            )

    def _by_zipfile(self) -> Iterator[bytes]:
        """The bytes, by other methods than every zip archive has: they are rare."""
        try:
            with ZipFile(self.archive) as archive:
                yield from _chunks(archive, archive.getinfo(self.name), self.file)
        except (BadZipFile, KeyError) as error:
            raise CorruptError(f"reading {self.name} from {self.file}: {error}", hint=_HINT) from error
        except OSError as error:
            raise StorageError(
                f"reading {self.name} from {self.file}: {error.strerror}", hint="check the disk under GROCKER_CACHE"
            ) from error

    def _inflated(self, stream: BinaryIO) -> Iterator[bytes]:
        stream.seek(self.header)
        fields = _LOCAL.unpack(stream.read(_LOCAL.size))
        if fields[0] != b"PK\3\4":
            raise EOFError("no member begins there")
        stream.seek(fields[9] + fields[10], os.SEEK_CUR)
        inflating = zlib.decompressobj(-15) if fields[3] == ZIP_DEFLATED else None
        left = self.packed
        while left:
            data = stream.read(min(left, _CHUNK))
            if not data:
                raise EOFError
            left -= len(data)
            if inflating is None:
                yield data
                continue
            yield inflating.decompress(data, _CHUNK)
            while inflating.unconsumed_tail:
                yield inflating.decompress(inflating.unconsumed_tail, _CHUNK)
        if inflating is not None:
            while more := inflating.decompress(inflating.unconsumed_tail, _CHUNK):
                yield more


def check_directory(stream: BinaryIO, file: str) -> None:
    """Refuse an archive whose directory alone would fill the memory, before anything reads it whole.

    Whatever else is wrong with it is for the reader to say. Raises CorruptError.
    """
    length = stream.seek(0, os.SEEK_END)
    start = max(0, length - (1 << 16) - _END.size)
    stream.seek(start)
    tail = stream.read()
    place = tail.rfind(b"PK\5\6")
    size = 0
    if 0 <= place <= len(tail) - _END.size:
        size = _END.unpack_from(tail, place)[5]
        wide = tail.rfind(b"PK\6\6", 0, place)
        if size == 0xFFFFFFFF and 0 <= wide <= len(tail) - _END_64.size:
            size = _END_64.unpack_from(tail, wide)[8]
    stream.seek(0)
    if size > _MOST_DIRECTORY:
        raise CorruptError(f"reading {file}: its directory has {size} bytes: the archive is a zip bomb", hint=_HINT)


def streamed(found: Iterable[ZipMember]) -> frozenset[str]:
    """Return the names of the members that are not to be held in memory: large ones, and what is too much in all.

    Sources are held as long as they have room, since they are compiled; of the others the largest are streamed first.
    """
    names: set[str] = set()
    room = {True: MOST_SOURCES, False: MOST_HELD}
    for member in sorted(found, key=lambda one: (one.size, one.name)):
        kind = member.name.endswith(".py")
        if member.size <= LARGE and member.size <= room[kind]:
            room[kind] -= member.size
        else:
            names.add(member.name)
    return frozenset(names)


def members(archive: ZipFile, file: str) -> dict[str, ZipMember]:
    """The archive's regular files by name; directories are left out.

    ``file``: the archive's name, for errors.
    Raises CorruptError for an unsafe or duplicate name, a link, encryption, an unknown compression, overlapping
    members, or the sizes of a zip bomb.
    """
    found: dict[str, ZipMember] = {}
    spans: list[tuple[int, int, str]] = []
    packed = total = 0
    for info in archive.infolist():
        name = info.orig_filename
        if name.endswith("/") and info.file_size == 0:
            _check_name(name[:-1], file)
            continue
        _check_name(name, file)
        if name in found:
            raise CorruptError(f"reading {file}: duplicate member {name}", hint=_HINT)
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise CorruptError(
                f"reading {file}: {name} is a link or a special file; wheels have regular files only", hint=_HINT
            )
        if info.flag_bits & 1:
            raise CorruptError(f"reading {file}: {name} is encrypted", hint=_HINT)
        if info.compress_type not in _METHODS:
            method = "Zstandard" if info.compress_type == _ZSTANDARD else f"method {info.compress_type}"
            raise CorruptError(
                f"reading {file}: {name} is compressed with {method}, which this Python cannot read",
                hint="run Grocker on Python 3.14 or newer, or use a wheel that is compressed with deflate"
                if info.compress_type == _ZSTANDARD
                else "use a wheel that is compressed with deflate",
            )
        found[name] = ZipMember(name, info.file_size, bool(mode & 0o111), info)
        spans.append((info.header_offset, info.header_offset + 30 + info.compress_size, name))
        packed += info.compress_size
        total += info.file_size
    spans.sort()
    for (_, end, name), (start, _, other) in pairwise(spans):
        if start < end:
            raise CorruptError(f"reading {file}: {name} and {other} overlap: the archive is a zip bomb", hint=_HINT)
    if total > _MOST_UNPACKED or (total > _ALWAYS_ALLOWED and total > packed * _MOST_RATIO):
        raise CorruptError(f"reading {file}: {packed} bytes expand to {total}: the archive is a zip bomb", hint=_HINT)
    return found


def _check_name(name: str, file: str) -> None:
    parts = name.split("/")
    # A line break would end a line of RECORD.
    if name.startswith("/") or any(c in name for c in "\\\0\r\n") or any(part in ("", ".", "..") for part in parts):
        raise CorruptError(f"reading {file}: unsafe path {name!r}", hint=_HINT)


def chunks(archive: ZipFile, member: ZipMember, file: str) -> Iterator[bytes]:
    """A member's bytes, from the beginning. Raises CorruptError when they are truncated, too many or damaged."""
    yield from _chunks(archive, member.info, file)


def _chunks(archive: ZipFile, info: ZipInfo, file: str) -> Iterator[bytes]:
    try:
        seen = 0
        # zipfile bounds what zlib unpacks at once; of the other methods it bounds what is read of the archive alone.
        step = _CHUNK if info.compress_type in (ZIP_STORED, ZIP_DEFLATED) else _SMALL_CHUNK
        with archive.open(info) as stream:
            while data := stream.read(step):
                seen += len(data)
                yield data
    except (BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError, ValueError, MemoryError) as error:
        raise CorruptError(
            f"reading {info.orig_filename!r} from {file}: {str(error) or type(error).__name__}", hint=_HINT
        ) from error
    if seen != info.file_size:
        raise CorruptError(
            f"reading {info.orig_filename!r} from {file}: expected {info.file_size} bytes, got {seen}", hint=_HINT
        )
