"""Write entries as a tar segment: the same entries give the same bytes, on any host and with any version of Python.

POSIX pax format (IEEE Std 1003.1-2017, pax: "ustar Interchange Format", with extended headers where a name or a number
does not fit); one time for everything, no user or group names, no device numbers. ``tarfile`` takes four times as
long, and its bytes may change between releases of Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from grocker.errors import CorruptError
from grocker.tar.entry import Directory, Entry, File, Hardlink, Symlink

BLOCK = 512
END_OF_ARCHIVE = b"\0" * (2 * BLOCK)

_REGULAR, _HARDLINK, _SYMLINK, _DIRECTORY, _EXTENDED = b"0", b"1", b"2", b"5", b"x"
_NAME = 100
"""bytes of a name, and of a link's target, in a header"""
_MOST_ID = 0o7777777
_MOST = 0o77777777777
"""the largest size, in bytes, and time, in seconds, that a header holds"""
_AFTER_CHECKSUM = b"ustar\x0000" + bytes(BLOCK - 265)
"""magic, version; no user and group name, no device number, no prefix"""
_CAPABILITY = b"SCHILY.xattr.security.capability"
"""the keyword of star for an extended attribute, which GNU tar, libarchive and engines read; the value is binary"""
_SPACES = 8 * ord(" ")


def segment(entries: Iterable[Entry], *, epoch: int) -> Iterator[bytes]:
    """The tar blocks of ``entries`` in their order, without the end-of-archive marker; ``epoch`` in seconds."""
    for entry in entries:
        yield _header(entry, epoch)
        if isinstance(entry, File):
            yield from _padded(entry)


def sort_entries(entries: Iterable[Entry]) -> list[Entry]:
    """``entries`` by path, every hard link after the file that it names, with that file's mode and owner.

    Of a file with several names, the first one by path has the content, whichever had it in the source. A hard link
    to a symbolic link becomes the same symbolic link. Raises CorruptError for a dangling hard link.
    """
    listed = list(entries)
    links = [e for e in listed if isinstance(e, Hardlink)]
    if links:
        listed = _first_name_carries(listed, links)
    return sorted(listed, key=lambda e: e.path)


def _first_name_carries(entries: list[Entry], links: list[Hardlink]) -> list[Entry]:
    target_of = {link.path: link.target for link in links}
    names: dict[str, list[str]] = {}
    for link in links:
        target, seen = link.target, {link.path}
        while target in target_of and target not in seen:
            seen.add(target)
            target = target_of[target]
        names.setdefault(target, []).append(link.path)
    result: list[Entry] = []
    for entry in entries:
        if isinstance(entry, Hardlink):
            continue
        others = [] if isinstance(entry, Directory) else names.pop(entry.path, [])
        if isinstance(entry, File) and others:
            first, *rest = sorted([entry.path, *others])
            result.append(replace(entry, path=first))
            attributes = entry.mode, entry.uid, entry.gid, entry.capability
            result.extend(Hardlink(path, first, *attributes) for path in rest)
        elif isinstance(entry, Symlink):
            result.extend(replace(entry, path=path) for path in (entry.path, *others))
        else:
            result.append(entry)
    if names:
        target, (path, *_) = min(names.items())
        raise CorruptError(
            f"/{path} is a hard link to /{target}, which does not exist",
            hint="use another version of its package: this one is damaged or malformed",
        )
    return result


def _header(entry: Entry, epoch: int) -> bytes:
    match entry:
        case File():
            numbers = entry.mode, entry.uid, entry.gid, size(entry), epoch
            return _record(_REGULAR, entry.path, *numbers, capability=entry.capability)
        case Directory():
            return _record(_DIRECTORY, entry.path + "/", entry.mode, entry.uid, entry.gid, 0, epoch)
        case Symlink():
            return _record(_SYMLINK, entry.path, 0o777, entry.uid, entry.gid, 0, epoch, entry.target)
        case Hardlink():
            numbers = entry.mode, entry.uid, entry.gid, 0, epoch
            return _record(_HARDLINK, entry.path, *numbers, entry.target, capability=entry.capability)


def _record(
    kind: bytes,
    path: str,
    mode: int,
    uid: int,
    gid: int,
    length: int,
    epoch: int,
    target: str = "",
    *,
    capability: bytes = b"",
) -> bytes:
    """A header block, after an extended header when something does not fit into it."""
    name, link = path.encode("utf-8", "surrogateescape"), target.encode("utf-8", "surrogateescape")
    extended: list[tuple[bytes, bytes]] = []
    if not path.isascii() or len(name) > _NAME:
        extended.append((b"path", name))
    if not target.isascii() or len(link) > _NAME:
        extended.append((b"linkpath", link))
    numbers = ((b"uid", uid, _MOST_ID), (b"gid", gid, _MOST_ID), (b"size", length, _MOST), (b"mtime", epoch, _MOST))
    if uid > _MOST_ID or gid > _MOST_ID or length > _MOST or epoch > _MOST:
        extended.extend((keyword, b"%d" % number) for keyword, number, most in numbers if number > most)
        uid, gid, length, epoch = (number if number <= most else 0 for _, number, most in numbers)
    if capability:
        extended.append((_CAPABILITY, capability))
    block = _block(kind, name, mode, uid, gid, length, epoch, link)
    return _extended(extended, epoch) + block if extended else block


def _extended(values: list[tuple[bytes, bytes]], epoch: int) -> bytes:
    if any(not _is_utf8(value) for keyword, value in values if keyword != _CAPABILITY):
        values = [(b"hdrcharset", b"BINARY"), *values]
    data = b"".join(_keyword(keyword, value) for keyword, value in values)
    header = _block(_EXTENDED, b"././@PaxHeader", 0o644, 0, 0, len(data), epoch, b"")
    return header + data + _padding(len(data))


def _keyword(keyword: bytes, value: bytes) -> bytes:
    """LENGTH KEYWORD=VALUE and a line feed; LENGTH counts its own digits."""
    rest = len(keyword) + len(value) + 3
    length = rest + len(str(rest))
    if len(str(length)) > len(str(rest)):
        length += 1
    return b"%d %s=%s\n" % (length, keyword, value)


def _block(kind: bytes, name: bytes, mode: int, uid: int, gid: int, length: int, epoch: int, link: bytes) -> bytes:
    before = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        name[:_NAME].ljust(_NAME, b"\0"),
        mode & 0o7777,
        uid,
        gid,
        length,
        epoch,
    )
    after = kind + link[:_NAME].ljust(_NAME, b"\0") + _AFTER_CHECKSUM
    checksum = sum(before) + _SPACES + sum(after)
    return b"%s%06o\0 %s" % (before, checksum, after)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def size(file: File) -> int:
    """The file's size in bytes."""
    return len(file.data) if isinstance(file.data, bytes) else file.data.size


def chunks(file: File) -> Iterator[bytes]:
    """The file's bytes. Raises CorruptError when their number differs from the expected size."""
    if isinstance(file.data, bytes):
        yield file.data
        return
    announced, passed = file.data.size, 0
    for chunk in file.data.chunks():
        passed += len(chunk)
        if passed > announced:
            break
        yield chunk
    if passed != announced:
        raise CorruptError(
            f"/{file.path} has {'more' if passed > announced else 'fewer'} bytes than the expected {announced}",
            hint="build again; if this recurs, use another version of its package: this one is damaged",
        )


def _padded(file: File) -> Iterator[bytes]:
    yield from chunks(file)
    padding = _padding(size(file))
    if padding:
        yield padding


def _padding(length: int) -> bytes:
    return bytes(-length % BLOCK)
