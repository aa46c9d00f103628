"""Entries as a tar segment: the same entries give the same bytes, on any host.

POSIX pax format (IEEE Std 1003.1, pax, "ustar" headers with extended records where a name or a number does not fit);
one time for everything, no user or group names, no device numbers.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import replace

from grocker.layer.entry import Directory, Entry, File, Hardlink, Symlink

BLOCK = 512
END_OF_ARCHIVE = b"\0" * (2 * BLOCK)
CHUNK = 1 << 20


def segment(entries: Iterable[Entry], *, epoch: int) -> Iterator[bytes]:
    """The tar blocks of ``entries`` in their order, without the end-of-archive marker; ``epoch`` in seconds."""
    for entry in entries:
        yield _header(entry, epoch)
        if isinstance(entry, File):
            yield from _padded(entry)


def ordered(entries: Iterable[Entry]) -> list[Entry]:
    """``entries`` by path, with every hard link behind the file that it names.

    Of a file with several names the first one by path carries the bytes, whichever did in the source.
    """
    listed = list(entries)
    links = [e for e in listed if isinstance(e, Hardlink)]
    if links:
        listed = _first_name_carries(listed, links)
    return sorted(listed, key=lambda e: e.path)


def _first_name_carries(entries: list[Entry], links: list[Hardlink]) -> list[Entry]:
    names: dict[str, list[str]] = {}
    for link in links:
        names.setdefault(link.target, []).append(link.path)
    result: list[Entry] = []
    for entry in entries:
        if isinstance(entry, Hardlink):
            continue
        others = names.get(entry.path)
        if others is None or not isinstance(entry, File):
            result.append(entry)
            continue
        first, *rest = sorted([entry.path, *others])
        result.append(replace(entry, path=first))
        result.extend(Hardlink(path, first) for path in rest)
    return result


def _header(entry: Entry, epoch: int) -> bytes:
    info = tarfile.TarInfo(entry.path)
    info.mtime = epoch
    match entry:
        case Directory():
            info.type, info.mode, info.uid, info.gid = tarfile.DIRTYPE, entry.mode, entry.uid, entry.gid
        case File():
            info.type, info.mode, info.uid, info.gid = tarfile.REGTYPE, entry.mode, entry.uid, entry.gid
            info.size = size(entry)
        case Symlink():
            info.type, info.mode, info.uid, info.gid = tarfile.SYMTYPE, 0o777, entry.uid, entry.gid
            info.linkname = entry.target
        case Hardlink():
            info.type, info.mode, info.linkname = tarfile.LNKTYPE, 0o644, entry.target
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def size(file: File) -> int:
    """The file's size in bytes."""
    return len(file.data) if isinstance(file.data, bytes) else file.data.size


def chunks(file: File) -> Iterator[bytes]:
    """The file's bytes."""
    if isinstance(file.data, bytes):
        yield file.data
    else:
        yield from file.data.chunks()


def _padded(file: File) -> Iterator[bytes]:
    yield from chunks(file)
    rest = size(file) % BLOCK
    if rest:
        yield b"\0" * (BLOCK - rest)
