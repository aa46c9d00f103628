"""The zip archive of a wheel, untrusted: names, sizes, links, overlaps and hashes are checked before use.

Source: Python packaging specifications, "Binary distribution format"; PKWARE APPNOTE 4.3.
"""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import msgspec

from grocker.errors import CorruptError, StorageError

LARGE = 8 << 20
"""bytes; larger members are streamed"""

_ZSTANDARD = 93
_METHODS = frozenset({ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA, getattr(zipfile, "ZIP_ZSTANDARD", ZIP_STORED)})
"""those that ``zipfile`` reads, as pip and uv do; Zstandard from Python 3.14 on"""
_CHUNK = 1 << 18
_MOST_RATIO = 100
_ALWAYS_ALLOWED = 64 << 20


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

    def chunks(self) -> Iterator[bytes]:
        """The bytes. Raises CorruptError when the archive has changed or is damaged."""
        try:
            with ZipFile(self.archive) as archive:
                yield from _chunks(archive, archive.getinfo(self.name), self.file)
        except (BadZipFile, KeyError) as error:
            raise CorruptError(f"reading {self.name} from {self.file}: {error}") from error
        except OSError as error:
            raise StorageError(f"reading {self.name} from {self.file}: {error.strerror}") from error


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
            raise CorruptError(f"reading {file}: duplicate member {name}")
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise CorruptError(f"reading {file}: {name} is a link or a special file; wheels have regular files only")
        if info.flag_bits & 1:
            raise CorruptError(f"reading {file}: {name} is encrypted")
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
            raise CorruptError(f"reading {file}: {name} and {other} overlap: the archive is a zip bomb")
    if total > _ALWAYS_ALLOWED and total > packed * _MOST_RATIO:
        raise CorruptError(f"reading {file}: {packed} bytes expand to {total}: the archive is a zip bomb")
    return found


def _check_name(name: str, file: str) -> None:
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise CorruptError(f"reading {file}: unsafe path {name!r}")


def chunks(archive: ZipFile, member: ZipMember, file: str) -> Iterator[bytes]:
    """A member's bytes, from the beginning. Raises CorruptError when they are truncated, too many or damaged."""
    yield from _chunks(archive, member.info, file)


def _chunks(archive: ZipFile, info: ZipInfo, file: str) -> Iterator[bytes]:
    try:
        seen = 0
        with archive.open(info) as stream:
            while data := stream.read(_CHUNK):
                seen += len(data)
                yield data
    except (BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError, ValueError) as error:
        raise CorruptError(
            f"reading {info.orig_filename!r} from {file}: {str(error) or type(error).__name__}"
        ) from error
    if seen != info.file_size:
        raise CorruptError(f"reading {info.orig_filename!r} from {file}: expected {info.file_size} bytes, got {seen}")
