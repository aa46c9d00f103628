"""Copies ``ssh-dir`` of the operator's configuration to ``~/.ssh``, with the modes that ssh requires. Contract: S1."""

from __future__ import annotations

import os
import stat

from ..base.failure import CANNOT_WRITE, CONFIGURATION, Failure, reason, warn
from ..base.scratch import empty
from ..base.value import TYPE_CHECKING
from .account import host_uid

if TYPE_CHECKING:
    from io import FileIO

_BLOCK = 1 << 16  # bytes


def copy_ssh_directory(source: str, home: str) -> None:
    """Replace the content of ``HOME/.ssh`` by that of ``source``; without a ``source``, do nothing.

    Raises Failure: 78 for a file that cannot be read or a link that leads outside, 73 when the home is not writable.
    """
    try:
        names = sorted(name for name in os.listdir(source) if not name.startswith(".."))
    except FileNotFoundError:
        if os.path.islink(source):
            raise Failure(CONFIGURATION, f"{source}: a dangling link; mount its target too") from None
        return
    except OSError as error:
        raise Failure(
            CONFIGURATION, f"{source}: cannot be listed by uid {os.getuid()}: {reason(error)}; run chmod -R go+rX on it"
        ) from None
    target = f"{home}/.ssh"
    inside = os.path.realpath(source)
    files = [name for name in names if _is_file(source, name)]
    for name in files:  # check all before the first is copied; one by one, since descriptors are limited
        os.close(_open(source, name, inside))
    try:
        _renew(target)
        for name in files:
            _copy(_open(source, name, inside), f"{source}/{name}", f"{target}/{name}")
    except OSError as error:
        if not files and not os.path.lexists(target):
            return  # an empty ssh-dir and a read-only home: nothing to copy
        raise Failure(
            CANNOT_WRITE,
            f"{target}: cannot be written by uid {os.getuid()}: {reason(error)}; mount a tmpfs at {home}",
        ) from None


def _is_file(source: str, name: str) -> bool:
    """Whether to copy it; anything but a file or a link to one gets a warning, and is never opened."""
    path = f"{source}/{name}"
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        why = "a dangling link" if isinstance(error, FileNotFoundError) and os.path.islink(path) else reason(error)
        raise Failure(CONFIGURATION, f"{path}: {why}") from None
    if not stat.S_ISREG(mode):
        warn(f"{path}: skipped, not a regular file")
        return False
    return True


def _open(source: str, name: str, inside: str) -> int:
    """Open the file, then check that it is a regular file inside ``inside``, so that no race can replace it."""
    path = f"{source}/{name}"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        uid = os.getuid()
        # Not chmod: a private key would be open to everybody on the host.
        raise Failure(
            CONFIGURATION,
            f"{path}: not readable for uid {uid}: {reason(error)}; on the host, run sudo chown -R {host_uid(uid)} on "
            "the directory",
        ) from None
    really = os.readlink(f"/proc/self/fd/{descriptor}")
    if not really.startswith(f"{inside}/") or not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Failure(CONFIGURATION, f"{path}: links to a file outside {source}; put a copy of the file there")
    return descriptor


def _renew(target: str) -> None:
    if os.path.islink(target) or (os.path.lexists(target) and not os.path.isdir(target)):
        os.unlink(target)
    if os.path.isdir(target):
        empty(target)  # not removed: it may be a mount point
    else:
        os.mkdir(target, 0o700)
    os.chmod(target, 0o700)


def _copy(descriptor: int, source: str, path: str) -> None:
    """Copy ``descriptor``, an open ``source``, to a new file, and close it."""
    with open(descriptor, "rb", 0) as original:
        copy = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(copy, "wb", 0) as file:
            os.fchmod(copy, 0o600)
            while block := _block(original, source):
                while block:
                    block = block[file.write(block) :]


def _block(original: FileIO, source: str) -> bytes:
    try:
        return original.read(_BLOCK)
    except OSError as error:
        raise Failure(CONFIGURATION, f"{source}: cannot be read: {reason(error)}") from None
