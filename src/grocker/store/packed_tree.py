"""A directory tree as one file, to send it to another machine: a compressed tar, the same for the same tree."""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO

from grocker.errors import CorruptError
from grocker.store.writing import Writer, storage

_HINT = "delete the cache's tag from the registry; the next build writes it again"
_LEVEL = 4  # it is made once, while a build waits


class _Compressed:
    """A stream that compresses what is written to it."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._compressor = zlib.compressobj(_LEVEL, wbits=31)

    def write(self, data: bytes) -> int:
        self._writer.write(self._compressor.compress(data))
        return len(data)

    def flush(self) -> None:
        self._writer.write(self._compressor.flush())


def pack(tree: Path, writer: Writer) -> None:
    """Write the tree: directories, files with their permissions, links. Raises StorageError."""
    stream = _Compressed(writer)
    with storage("reading", tree), tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for place in sorted(tree.rglob("*")):
            info = archive.gettarinfo(place, arcname=place.relative_to(tree).as_posix())
            if info is None:  # a socket
                continue
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = ""
            if info.islnk():  # another name of a file that is there already: a file of its own
                info.type, info.size = tarfile.REGTYPE, place.stat().st_size
            if info.isreg():
                with open(place, "rb") as content:
                    archive.addfile(info, content)
            else:
                archive.addfile(info)
    stream.flush()


def unpack(packed: BinaryIO, target: Path) -> None:
    """Fill the empty directory ``target`` with what ``pack`` wrote. Nothing is written outside it.

    Raises CorruptError for anything that ``pack`` would not write, StorageError.
    """
    made = {""}
    try:
        with storage("unpacking", target), tarfile.open(fileobj=packed, mode="r|gz") as archive:
            for info in archive:
                parent, _, name = info.name.rpartition("/")
                # A directory was made before what is in it: no link is followed on the way.
                if parent not in made or name in ("", ".", ".."):
                    raise CorruptError(
                        f"unpacking files from the shared cache: unexpected path {info.name!r}", hint=_HINT
                    )
                _write(archive, info, target / info.name)
                if info.isdir():
                    made.add(info.name)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise CorruptError(f"unpacking files from the shared cache: {error}", hint=_HINT) from error


def _write(archive: tarfile.TarFile, info: tarfile.TarInfo, place: Path) -> None:
    if info.isdir():
        place.mkdir()
        place.chmod(info.mode & 0o755 | 0o700)
    elif info.issym():
        place.symlink_to(info.linkname)
    elif info.isreg():
        content = archive.extractfile(info)
        assert content is not None
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(handle, "wb") as stream:
            shutil.copyfileobj(content, stream, 1 << 20)
            os.fchmod(stream.fileno(), info.mode & 0o755)
    else:
        raise CorruptError(
            f"unpacking files from the shared cache: {info.name!r} is not a file, directory or link", hint=_HINT
        )
