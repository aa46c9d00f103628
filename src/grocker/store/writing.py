"""Files that appear whole or not at all: written to a temporary name, synced, renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grocker.errors import CannotWriteError, GrockerError, StorageError


def storage_error(error: OSError, action: str, path: Path) -> GrockerError:
    """The error that an ``OSError`` met while writing means to the user; ``action`` in the present participle."""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            f"{action} {path}: {reason}",
            hint="free some space, or point GROCKER_CACHE or the output at a larger disk; nothing half-written is left",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        return CannotWriteError(
            f"{action} {path}: {reason}", hint="choose a place that you may write to (GROCKER_CACHE, --output)"
        )
    return StorageError(f"{action} {path}: {reason}")


@contextmanager
def storage(action: str, path: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the block into the error that the user can act on."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, action, path) from error


def write_whole(target: Path, data: bytes, *, temporary: Path) -> None:
    """Put ``data`` at ``target`` through the file ``temporary``, which lies on the same file system.

    Raises OSError; the temporary file is gone then.
    """
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fdatasync(stream.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
