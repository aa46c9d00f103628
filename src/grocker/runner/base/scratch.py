"""``/tmp/.grocker``: what the runner makes at each start, for the application and for ``grocker-runner exec``.

Mode 0700, never another uid's. Contract: C3 (nothing outlives a start), E7, X5.
"""

from __future__ import annotations

import os
import stat

from .failure import CANNOT_WRITE, CONFIGURATION, USAGE, USER, Failure, reason
from .value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Mapping


SUPERVISED = "supervised"
"""The file that is there under ``start`` and ``cron``, for ``grocker-runner health``; locked while they live."""


class Record(Value):
    """What ``exec`` needs to know of the start: the environment made, the one given, and what was wrong (or "")."""

    prepared: Mapping[str, str]
    given: Mapping[str, str]
    failure: str = ""


def renew(directory: str) -> None:
    """An empty directory of our own. Raises Failure: 73, and 64 when what a running service has there would be lost."""
    try:
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            _refuse_anothers(directory, CANNOT_WRITE, "remove it")
            _refuse_claimed(directory)
            empty(directory)
        os.chmod(directory, 0o700)  # whatever the umask was
    except OSError as error:
        raise _cannot_write(directory, error) from None


def claim(directory: str) -> None:
    """It is that of ``start`` or ``cron``, as long as this process lives. Raises Failure (73)."""
    path = f"{directory}/{SUPERVISED}"
    write(path, b"")
    try:
        _lock(os.open(path, os.O_RDWR | os.O_NOFOLLOW))  # and never closed
    except OSError:
        pass  # a file system without locks


def _refuse_claimed(directory: str) -> None:
    try:
        descriptor = os.open(f"{directory}/{SUPERVISED}", os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        _lock(descriptor)
    except (BlockingIOError, PermissionError):
        raise Failure(
            USAGE, f"{directory}: a service or cron runs here: grocker-runner exec COMMAND is for what runs beside it"
        ) from None
    except OSError:
        pass  # a file system without locks
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Raises OSError: BlockingIOError or PermissionError when another process has it (fcntl(2): EAGAIN, EACCES)."""
    import fcntl

    fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def empty(directory: str) -> None:
    """Removes everything below a directory; links are removed, not followed. Raises OSError."""
    directories = [directory]
    for path in directories:  # it grows meanwhile: what is deeper comes later
        with os.scandir(path) as entries:
            for entry in list(entries):
                if entry.is_dir(follow_symlinks=False):
                    directories.append(entry.path)
                else:
                    os.unlink(entry.path)
    for path in reversed(directories[1:]):
        os.rmdir(path)


def make_directory(path: str) -> None:
    """A new directory, 0700. Raises Failure (73)."""
    try:
        os.mkdir(path, 0o700)
        os.chmod(path, 0o700)
    except OSError as error:
        raise _cannot_write(path, error) from None


def write(path: str, data: bytes) -> None:
    """A new file, 0600. Raises Failure (73)."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise _cannot_write(path, error) from None


def _cannot_write(path: str, error: OSError) -> Failure:
    place = os.path.dirname(path) if path.endswith("/.grocker") else path
    return Failure(CANNOT_WRITE, f"{place}: cannot be written: {reason(error)}: mount a tmpfs at /tmp (--tmpfs /tmp)")


def _refuse_anothers(directory: str, status: int, remedy: str) -> None:
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode):
        raise Failure(status, f"{directory}: not a directory: {remedy}")
    if found.st_uid != os.getuid():
        raise Failure(status, f"{directory}: belongs to uid {found.st_uid}, not to {os.getuid()}: {remedy}")


def save(directory: str, record: Record) -> None:
    """Keeps a record for later ``exec``s. Raises Failure (73)."""
    write(f"{directory}/failure", record.failure.encode("utf-8", "surrogateescape"))
    write(f"{directory}/given", _block(record.given))
    write(f"{directory}/environment", _block(record.prepared))


def load(directory: str) -> Record:
    """The record of the container's start. Raises Failure: 78 when there is none, 77 when it is another uid's."""
    try:
        _refuse_anothers(directory, USER, "run this as the container's user, with docker exec --user")
        return Record(
            prepared=_variables(_content(f"{directory}/environment")),
            given=_variables(_content(f"{directory}/given")),
            failure=_content(f"{directory}/failure").decode("utf-8", "surrogateescape"),
        )
    except FileNotFoundError:
        raise Failure(
            CONFIGURATION, f"{directory}: nothing prepared: this container was not started by grocker-runner run"
        ) from None
    except OSError as error:
        raise Failure(USER, f"{directory}: cannot be read by uid {os.getuid()}: {reason(error)}") from None


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _block(variables: Mapping[str, str]) -> bytes:
    """As in ``/proc/PID/environ``: a value may hold anything but NUL."""
    return b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in variables.items())


def _variables(block: bytes) -> dict[str, str]:
    pairs = (item.partition(b"=") for item in block.split(b"\0") if item)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
