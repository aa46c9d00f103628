"""Source distributions: their archives, unpacked without trusting them.

Source: PyPA source distribution format (PEP 517, 625, 721). Old sdists may be zip archives.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from grocker.errors import CorruptError, StorageError
from grocker.python.source_tree import SourceFile, SourceTree, hash_tree
from grocker.python.tree_record import TreeRecord

SUFFIXES = (".tar.gz", ".tgz", ".zip")
MAXIMUM_FILES = 50_000
MAXIMUM_BYTES = 512 << 20
"""of all files together, unpacked"""
_MOST_BEYOND = 16
"""reads at the end of an archive"""

_HINT = "choose another version, and tell its publisher"
_LEFT_OUT = frozenset({".git", ".hg", ".svn", ".bzr"})
"""A repository's configuration names programs, which its tools would run."""


class _Member:
    """One file of an archive; ``stream`` is None for a link."""

    def __init__(self, name: str, stream: IO[bytes] | None, *, executable: bool = False, target: str = "") -> None:
        self.name, self.stream, self.executable, self.target = name, stream, executable, target


class _Bounded:
    """Reads at most MAXIMUM_BYTES and a little: headers of tar may be as long as they say.

    tarfile skips what a member claims to have by reading on, behind the end too: that is allowed a few times.
    """

    def __init__(self, stream: IO[bytes], what: str) -> None:
        self._stream, self._what, self._left = stream, what, MAXIMUM_BYTES + (64 << 20)
        self._beyond = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise _too_large(self._what)
        self._beyond += not data
        if self._beyond > _MOST_BEYOND:
            raise tarfile.ReadError("truncated")
        return data


def unpack_sdist(archive: Path, destination: Path, *, file: str) -> SourceTree:
    """Unpack an sdist's files below ``destination``, which is created, and return them without their common directory.

    ``file``: the sdist's file name, which decides the format and is named in errors. Version control directories are
    left out. Raises CorruptError for anything but files, directories and links that stay inside, for paths that lead
    out, and for more than MAXIMUM_FILES files or MAXIMUM_BYTES bytes; StorageError when writing fails.
    """
    files: dict[str, SourceFile] = {}
    links: dict[str, str] = {}
    roots: set[str] = set()
    total = 0
    try:
        destination.mkdir(parents=True)
        with _members(archive, file) as members:
            for member in members:
                root, path = _split(member.name, file)
                if not path:
                    continue
                roots.add(root)
                if len(roots) > 1:
                    raise CorruptError(
                        f"unpacking {file}: expected one directory, got {', '.join(sorted(roots))}", hint=_HINT
                    )
                if not _LEFT_OUT.isdisjoint(path.split("/")):
                    continue
                if path in links or (path in files and member.stream is None):
                    raise CorruptError(f"unpacking {file}: duplicate file {path!r}", hint=_HINT)
                if member.stream is None:
                    links[path] = member.target
                else:
                    digest, size = _write(member.stream, destination / path, MAXIMUM_BYTES - total, file)
                    total += size
                    files[path] = SourceFile(path, digest, executable=member.executable)
                if len(files) + len(links) > MAXIMUM_FILES:
                    raise CorruptError(f"unpacking {file}: more than {MAXIMUM_FILES} files", hint=_HINT)
        # Links come last, so no file is written through one.
        for path, target in links.items():
            files[path] = _link(path, target, destination, file)
        for path in links:
            _check_link(path, destination, file)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise CorruptError(f"unpacking {file}: a file is also a directory: {error.filename}", hint=_HINT) from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise CorruptError(
                f"unpacking {file}: it has a name that is too long for a file system",
                hint=_HINT,
            ) from error
        if error.errno is None or (error.errno == errno.EINVAL and error.filename is None):
            # Of reading: bz2's own errors, and a place before the beginning of a zip archive.
            raise CorruptError(f"unpacking {file}: damaged archive: {error}", hint=_HINT) from error
        raise StorageError(
            f"unpacking {file}: {error.filename or destination}: {error.strerror or error}",
            hint="check the disk under GROCKER_CACHE",
        ) from error
    ordered = tuple(sorted(files.values(), key=lambda one: one.path))
    return SourceTree(destination, ordered, hash_tree(ordered), TreeRecord())


@contextmanager
def _members(archive: Path, file: str) -> Iterator[Iterator[_Member]]:
    try:
        if file.endswith(".zip"):
            with zipfile.ZipFile(archive) as opened:
                yield _zip_members(opened, file)
        else:
            with (
                gzip.open(archive) as plain,
                tarfile.open(
                    fileobj=cast("IO[bytes]", _Bounded(cast("IO[bytes]", plain), file)), mode="r|", errorlevel=2
                ) as opened_tar,
            ):
                yield _tar_members(opened_tar, file)
    # zipfile raises RuntimeError for an encrypted member, and a subclass of it for compressions that it does not know.
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, gzip.BadGzipFile, ValueError, RuntimeError) as error:
        raise CorruptError(f"unpacking {file}: not a readable archive: {error}", hint=_HINT) from error
    except Exception as error:
        if type(error).__module__ in ("zlib", "lzma"):
            raise CorruptError(f"unpacking {file}: damaged archive: {error}", hint=_HINT) from error
        raise


def _tar_members(archive: tarfile.TarFile, file: str) -> Iterator[_Member]:
    for info in archive:
        if info.isdir():
            continue
        if info.issym():
            yield _Member(info.name, None, target=info.linkname)
        elif info.islnk():
            # A hard link names another member from the archive's top.
            _, path = _split(info.name, file)
            _, other = _split(info.linkname, file)
            yield _Member(info.name, None, target=os.path.relpath(other, os.path.dirname(path) or "."))
        elif info.isreg():
            stream = archive.extractfile(info)
            assert stream is not None
            yield _Member(info.name, stream, executable=bool(info.mode & 0o100))
        else:
            raise CorruptError(
                f"unpacking {file}: {info.name!r} is neither a file nor a directory nor a link", hint=_HINT
            )


def _zip_members(archive: zipfile.ZipFile, file: str) -> Iterator[_Member]:
    for info in archive.infolist():
        mode = info.external_attr >> 16
        if info.filename.endswith("/"):  # is_dir, which expects a name
            continue
        if mode & 0o170000 not in (0, 0o100000):
            raise CorruptError(f"unpacking {file}: {info.filename!r} is not a file", hint=_HINT)
        with archive.open(info) as stream:
            yield _Member(info.filename, stream, executable=bool(mode & 0o100))


def _split(name: str, file: str) -> tuple[str, str]:
    """The top directory of a member, and its path below that."""
    parts = name.rstrip("/").removeprefix("./").split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in name or "\0" in name:
        raise CorruptError(f"unpacking {file}: the path {name!r} leads out of the archive or is malformed", hint=_HINT)
    return parts[0], "/".join(parts[1:])


def _write(stream: IO[bytes], path: Path, allowed: int, file: str) -> tuple[str, int]:
    """Write a new file; its sha256, hexadecimal, and size."""
    hashing, size = hashlib.sha256(), 0
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # of a file that an archive has twice, the later counts
    with path.open("xb") as out:
        while chunk := stream.read(1 << 16):
            size += len(chunk)
            if size > allowed:
                raise _too_large(file)
            hashing.update(chunk)
            out.write(chunk)
    return hashing.hexdigest(), size


def _link(path: str, target: str, root: Path, file: str) -> SourceFile:
    joined = os.path.normpath(os.path.join(os.path.dirname(path), target))
    if not target or target.startswith("/") or joined == ".." or joined.startswith("../"):
        raise CorruptError(f"unpacking {file}: the link {path!r} leads out of the archive, to {target!r}", hint=_HINT)
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).symlink_to(target)
    return SourceFile(path, hashlib.sha256(os.fsencode(target)).hexdigest(), target=target)


def _check_link(path: str, root: Path, file: str) -> None:
    """Raise CorruptError if a link leads out by way of others."""
    top = os.path.realpath(root)
    end = os.path.realpath(root / path)
    if end != top and not end.startswith(top + os.sep):
        raise CorruptError(f"unpacking {file}: the link {path!r} leads out of the archive", hint=_HINT)


def _too_large(file: str) -> CorruptError:
    return CorruptError(f"unpacking {file}: more than {MAXIMUM_BYTES >> 20} MB", hint=_HINT)
