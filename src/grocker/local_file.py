"""Small files of this host that somebody else may have put there: read whole, with a limit, and never waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

MOST = 16 << 20
"""bytes: settings, locks and lists of packages are a hundredth of it"""


def read(path: str | Path, *, most: int = MOST) -> bytes:
    """Return the bytes of the regular file at ``path``, links followed.

    ``most``: bytes that it may have. Raises OSError, with the path and a ``strerror`` for people, also when it is a
    directory, a device, a socket or a FIFO (which would be waited for), or larger, or the path has a NUL byte.
    """
    # O_NONBLOCK: opening a FIFO for reading waits for its writer otherwise; it means nothing to a regular file.
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except ValueError as error:
        raise OSError(errno.EINVAL, "no file can have this name", str(path)) from error
    try:
        about = os.fstat(handle)
        if stat.S_ISDIR(about.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        with open(handle, "rb", closefd=False) as stream:
            data = stream.read(min(about.st_size, most) + 1)
            while about.st_size < len(data) <= most and (more := stream.read(1 << 16)):
                data += more  # it grows while it is read, or its file system does not tell sizes (/proc)
    finally:
        os.close(handle)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"larger than {most} bytes", str(path))
    return data


def find(name: str, directory: Path) -> Path | None:
    """Return the path of the regular file ``name`` in ``directory``, links followed; None if there is none."""
    path = directory / name
    return path if path.is_file() else None


def check_regular(path: str | Path) -> None:
    """Raise OSError, as ``read`` does, when ``path`` is no regular file; for files that are larger than its limit."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def read_text(path: str | Path, *, most: int = MOST) -> str:
    """Return the text of the UTF-8 file at ``path``. Raises as ``read``, and UnicodeDecodeError."""
    return read(path, most=most).decode("utf-8")
