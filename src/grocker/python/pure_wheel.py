"""Wheels of pure Python as every host writes them: neither times nor compression nor tags of the host are in them.

A wheel may name a platform but hold nothing for it: then an optional extension was not compiled. Since such a wheel is
a plain series of its members, some of them can be replaced without reading the others.

Source: PyPA binary distribution format ("Wheel-Version 1.0"), platform compatibility tags; PKWARE APPNOTE 4.3.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from grocker.errors import CorruptError, StorageError
from grocker.regex import regex

if TYPE_CHECKING:
    from mmap import mmap
    from typing import BinaryIO

_NATIVE = regex(r"\.(?:so(?:\.[\d.]+)?|pyd|dylib|dll|exe|a|o)\Z")
_MAGIC = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe")
_TAG = "py3-none-any"
_CHUNK = 1 << 20
_LARGEST = 1 << 30
"""bytes of a wheel whose members are replaced: larger ones need zip64"""
_MOST = 0xFFFF
"""members of such a wheel: with more it has zip64's own count"""
_END = struct.Struct("<4s4H2LH")
"""end of central directory record (APPNOTE 4.3.16)"""
_LOCAL = 30
"""bytes of a local file header without its name (APPNOTE 4.3.7)"""
_CENTRAL = 46
"""bytes of a central directory header without its name (APPNOTE 4.3.12)"""
_SIZES = struct.Struct("<3L")
"""checksum, packed and unpacked size, as in both headers"""


def write_pure_wheel(wheel: Path, directory: Path) -> Path | None:
    """Write ``wheel`` again into ``directory``, for all platforms; None when it is not for all and holds native code.

    Members are sorted, stored and of 1980. Of their bytes only the tags change, if they name a platform. Raises
    CorruptError for a malformed wheel.
    """
    name, version = wheel.name.split("-")[:2]
    info = f"{name}-{version}.dist-info"
    is_pure = wheel.name.endswith("-none-any.whl")
    path = directory / (wheel.name if is_pure else f"{name}-{version}-{_TAG}.whl")
    with _opened(wheel) as archive:
        if is_pure:
            _write(path, archive, {})
            return path
        if any(_is_native(archive, member) for member in archive.infolist()):
            return None
        try:
            text, lines = (archive.read(f"{info}/{file}") for file in ("WHEEL", "RECORD"))
        except KeyError as error:
            raise CorruptError(
                f"reading {wheel.name}: {info} lacks WHEEL or RECORD",
                hint="report this to the authors of the build back end",
            ) from error
        plain = re.sub(rb"(?m)^(Tag|Root-Is-Purelib|Build):.*\r?\n?", b"", text).rstrip(b"\r\n")
        plain += b"\nRoot-Is-Purelib: true\nTag: " + _TAG.encode() + b"\n"
        hashed = base64.urlsafe_b64encode(hashlib.sha256(plain).digest()).rstrip(b"=")
        line = f"{info}/WHEEL,sha256=".encode() + hashed + f",{len(plain)}".encode()
        own = re.escape(f"{info}/WHEEL,".encode()) + rb"[^\r\n]*"
        record = re.sub(b"(?m)^" + own, lambda _: line, lines)
        _write(path, archive, {f"{info}/WHEEL": plain, f"{info}/RECORD": record})
    return path


def write_compiled_wheel(wheel: Path, directory: Path) -> Path:
    """Write ``wheel`` again into ``directory`` under its own name, as ``write_pure_wheel`` does.

    Raises CorruptError for a malformed wheel.
    """
    path = directory / wheel.name
    with _opened(wheel) as archive:
        _write(path, archive, {})
    return path


def replace_members(wheel: Path, replaced: Mapping[str, bytes], path: Path) -> bool:
    """Write ``wheel``, as ``write_pure_wheel`` wrote it, to ``path`` with other bytes of some members, by name.

    The result is what ``write_pure_wheel`` would write. Returns False, and writes nothing, when it is too large for
    that. Raises StorageError.
    """
    with _mapped(wheel) as data:
        if len(data) + sum(map(len, replaced.values())) > _LARGEST or _END.unpack(data[-_END.size :])[4] == _MOST:
            return False
        try:
            with wheel.open("rb") as source, path.open("wb") as target:
                for piece in _pieces(data, replaced):
                    target.writelines([piece] if isinstance(piece, bytes) else _read(source, piece))
        except OSError as error:
            raise StorageError(
                f"writing {path}: {error.strerror}", hint="check the disk under GROCKER_CACHE"
            ) from error
    return True


def read_member(wheel: Path, name: str) -> bytes:
    """Return a member of ``wheel``, as ``write_pure_wheel`` wrote it. Raises KeyError, StorageError."""
    with _mapped(wheel) as data:
        for other, _, offset, size in _members(_directory(data)):
            if other == name:
                body = offset + _LOCAL + len(name.encode())
                return data[body : body + size]
    raise KeyError(name)


@contextmanager
def _mapped(wheel: Path) -> Iterator[mmap]:
    from mmap import PROT_READ, mmap

    try:
        with wheel.open("rb") as stream, mmap(stream.fileno(), 0, prot=PROT_READ) as data:
            yield data
    except OSError as error:
        raise StorageError(f"reading {wheel}: {error.strerror}", hint="check the disk under GROCKER_CACHE") from error


def _directory(data: mmap) -> bytearray:
    *_, size, start, _ = _END.unpack(data[-_END.size :])
    return bytearray(data[start : start + size])


def _members(directory: bytearray) -> Iterator[tuple[str, int, int, int]]:
    """Yield each member's name, and where it is described in ``directory``, where it begins, and its size."""
    place = 0
    while place < len(directory):
        (size,) = struct.unpack_from("<L", directory, place + 24)
        name, extra, comment = struct.unpack_from("<3H", directory, place + 28)
        (offset,) = struct.unpack_from("<L", directory, place + 42)
        yield directory[place + _CENTRAL : place + _CENTRAL + name].decode(), place, offset, size
        place += _CENTRAL + name + extra + comment


def _pieces(data: mmap, replaced: Mapping[str, bytes]) -> Iterator[bytes | range]:
    """Yield the bytes of a wheel with other members; ranges are copied from it as they are."""
    *_, count, size, start, _ = _END.unpack(data[-_END.size :])
    directory = _directory(data)
    done = moved = 0
    for name, place, offset, old in _members(directory):
        struct.pack_into("<L", directory, place + 42, offset + moved)
        new = replaced.get(name)
        if new is None:
            continue
        sizes = _SIZES.pack(zlib.crc32(new), len(new), len(new))
        directory[place + 16 : place + 28] = sizes
        yield range(done, offset + 14)
        yield sizes
        done = offset + _LOCAL + len(name.encode()) + old
        yield range(offset + 26, done - old)
        yield new
        moved += len(new) - old
    yield range(done, start)
    yield bytes(directory)
    yield _END.pack(b"PK\5\6", 0, 0, count, count, size, start + moved, 0)


def _read(source: BinaryIO, place: range) -> Iterator[bytes]:
    """Yield a part of a file, in pieces: pages of a map would count as this process's memory."""
    source.seek(place.start)
    left = len(place)
    while left and (chunk := source.read(min(left, _CHUNK))):
        yield chunk
        left -= len(chunk)


def _is_native(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    if _NATIVE.search(member.filename):
        return True
    with archive.open(member) as stream:
        return stream.read(4).startswith(_MAGIC)


@contextmanager
def _opened(wheel: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(wheel) as opened:
            yield opened
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, RuntimeError) as error:
        raise CorruptError(
            f"reading {wheel.name}: {str(error) or 'truncated'}",
            hint="report this to the authors of the build back end",
        ) from error


def _write(path: Path, archive: zipfile.ZipFile, replaced: Mapping[str, bytes]) -> None:
    import shutil

    members = {one.filename: one for one in archive.infolist()}
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
            for name in sorted(members):
                about = zipfile.ZipInfo(name)
                about.create_system, about.external_attr = 3, members[name].external_attr
                if name in replaced:
                    target.writestr(about, replaced[name])
                    continue
                about.file_size = members[name].file_size  # decides about zip64
                with archive.open(members[name]) as source, target.open(about, "w") as sink:
                    shutil.copyfileobj(source, sink, _CHUNK)
    except OSError as error:
        raise StorageError(f"writing {path}: {error.strerror}", hint="check the disk under GROCKER_CACHE") from error
