"""Files that appear whole or not at all: written to a temporary name, synced, renamed."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from grocker import digest as digests
from grocker.digest import Digest, Hashing
from grocker.errors import CannotWriteError, CorruptError, GrockerError, MissingError, StorageError

# EFBIG: reaching a limit on the size of files (RLIMIT_FSIZE, FAT) is like a full disk.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EISDIR),
        *(errno.ENAMETOOLONG, errno.ELOOP),
    }
)


def storage_error(error: OSError, action: str, path: Path) -> GrockerError:
    """Translate an ``OSError`` met while writing; ``action`` in the present participle."""
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return StorageError(
            f"{action} {path}: {reason}",
            hint="free space (grocker prune), or use a larger disk (GROCKER_CACHE, --output); no partial file is left",
        )
    if error.errno in _REFUSED:
        return CannotWriteError(f"{action} {path}: {reason}", hint="choose a writable place (GROCKER_CACHE, --output)")
    return StorageError(
        f"{action} {path}: {reason}", hint="check the file system (dmesg, mount), or choose another place"
    )


@contextmanager
def storage(action: str, path: Path) -> Iterator[None]:
    """Translate an ``OSError`` of the block into an error that the user can act on."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, action, path) from error


class Writer:
    """A file being written: hashed on the way, put in place whole, or gone at the end of its ``with`` block.

    Only failures of its own methods are errors of writing; those of the block around it are not.
    """

    def __init__(self, temporary: Path, *, action: str) -> None:
        """``temporary`` is on the file system of the target; ``action`` in the present participle."""
        self._temporary = temporary
        self._action = action
        self.hashing = Hashing()
        """of what was written so far"""
        with storage(action, temporary):
            self._stream = open(temporary, "wb", buffering=1 << 16)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            # Closing writes what is buffered, which fails again on a full disk; the file is removed in any case.
            self._stream.close()
        except OSError:
            pass
        finally:
            self._temporary.unlink(missing_ok=True)

    def write(self, data: bytes | bytearray) -> None:
        """Append ``data``. Raises StorageError."""
        self.hashing.update(data)
        with storage(self._action, self._temporary):
            self._stream.write(data)

    def put(self, target: Path, *, sync: bool = True) -> None:
        """Sync the file and let it appear as ``target``. Raises StorageError, CannotWriteError.

        The bytes reach the disk before the name, so that a name never refers to an incomplete file. The name itself is
        not synced: if a power cut removes it, the file is created again. ``sync``: False where the reader
        detects a file damaged by a power cut, and creates it again.
        """
        with storage(self._action, target):
            self._stream.flush()
            if sync:
                os.fdatasync(self._stream.fileno())
            self._stream.close()
            try:
                os.replace(self._temporary, target)
            except IsADirectoryError:
                # No build makes one where files are kept; outputs were judged by ``destination``.
                remove(target)
                os.replace(self._temporary, target)


def remove_tree(directory: Path) -> None:
    """Remove a directory as far as it can be removed.

    However deep it is: directories inside are moved to its top first. A sandboxed program may nest them deeper than a
    path or ``shutil.rmtree`` can reach.
    """
    top = os.fspath(directory)
    left, moved = [top], 0
    directories = []
    while left:
        place = left.pop()
        directories.append(place)
        try:
            with os.scandir(place) as listing:
                entries = list(listing)
        except OSError:
            continue
        for entry in entries:
            try:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)
                    continue
                os.chmod(entry.path, 0o700)
                path = entry.path
                if place != top:
                    moved += 1
                    path = f"{top}/removed-{moved}"
                    os.rename(entry.path, path)
                left.append(path)
            except OSError:
                continue
    for place in reversed(directories):
        with suppress(OSError):
            os.rmdir(place)


def remove(path: Path) -> None:
    """Remove what is in the place of a file, if anything is: also a directory. Raises OSError."""
    try:
        path.unlink(missing_ok=True)
    except IsADirectoryError:
        import shutil

        shutil.rmtree(path)


def destination(path: Path) -> Path:
    """Resolve the links of ``path``, where a file will be replaced.

    Raises CannotWriteError if ``path`` is something that must not be replaced: a directory, or a device
    (``/dev/stdout``).
    """
    real = Path(os.path.realpath(path))
    with storage("writing", path):
        if real.exists() and not real.is_file():
            kind = "a directory" if real.is_dir() else "not a regular file"
            raise CannotWriteError(
                f"writing {path}: it is {kind}", hint="name a file: --output archive:FILE, --result-file FILE"
            )
    return real


def write_whole(target: Path, data: bytes, *, temporary: Path, sync: bool = True) -> None:
    """Write ``data`` to ``target`` through the file ``temporary``, which is on the same file system.

    ``sync``: see ``Writer.put``. Raises StorageError, CannotWriteError; the temporary file is gone then.
    """
    with Writer(temporary, action="writing") as writer:
        writer.write(data)
        writer.put(target, sync=sync)


def verify(hashing: Hashing, *, digest: Digest, size: int | None, what: str) -> None:
    """Compare what arrived with what was expected. CorruptError when they differ."""
    if size is not None and hashing.size != size:
        more = "more than " if hashing.size > size else ""
        arrived = size if hashing.size > size else hashing.size
        raise CorruptError(
            f"{what}: expected {size} bytes, got {more}{arrived}",
            hint="try again, or use another mirror: the server or a proxy serves a different file",
        )
    if hashing.digest() != digest:
        raise CorruptError(
            f"{what}: expected {digest}, got {hashing.digest()}",
            hint="use another mirror: the file was changed or damaged in transit (Grocker discarded it)",
        )


def require(path: Path | None, what: str) -> Path:
    """Return ``path``. MissingError when it is None: the file is gone from the store."""
    if path is None:
        raise MissingError(f"{what} is no longer in the cache", hint="build again")
    return path


def digest_of(path: Path) -> Digest:
    """Compute the digest of a file. Raises OSError."""
    with open(path, "rb") as stream:
        return digests.from_hex(hashlib.file_digest(stream, "sha256").hexdigest())


def sync_tree(directory: Path) -> None:
    """Sync the file system of ``directory``: one call for thousands of files."""
    import ctypes

    handle = os.open(directory, os.O_RDONLY)
    try:
        syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if syncfs is None or syncfs(handle) != 0:
            os.sync()
    finally:
        os.close(handle)
