"""The scratch directory: what the runner writes at each start, for the application and ``grocker-runner exec``.

Mode 0700, and never used when it belongs to another uid. Contract: C3 (nothing outlives a start), E7, X5.
"""

from __future__ import annotations

import os
import stat

from .failure import CANNOT_WRITE, CONFIGURATION, USAGE, USER, Failure, reason
from .value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Mapping


SUPERVISED = "supervised"
"""The file that exists under ``start`` and ``cron``, for ``grocker-runner health``; locked while they run."""


class StartRecord(Value):
    """What ``exec`` needs to know about the start.

    ``prepared``: the application's environment; ``given``: the engine's; ``failure``: what was wrong, or "".
    """

    prepared: Mapping[str, str]
    given: Mapping[str, str]
    failure: str = ""


def renew(directory: str) -> None:
    """Create the directory, or empty it.

    Raises Failure: 73; 64 when a running service or cron uses it.
    """
    try:
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            _refuse_foreign(directory, CANNOT_WRITE, "remove it")
            _refuse_in_use(directory)
            empty(directory)
        os.chmod(directory, 0o700)  # whatever the umask was
    except OSError as error:
        raise _cannot_write(directory, error) from None


def claim(directory: str) -> None:
    """Reserve the directory for ``start`` or ``cron`` until this process ends. Raises Failure (73)."""
    path = f"{directory}/{SUPERVISED}"
    write(path, b"")
    try:
        _lock(os.open(path, os.O_RDWR | os.O_NOFOLLOW))  # never closed
    except OSError:
        pass  # a file system without locks


def _refuse_in_use(directory: str) -> None:
    try:
        descriptor = os.open(f"{directory}/{SUPERVISED}", os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        _lock(descriptor)
    except (BlockingIOError, PermissionError):
        raise Failure(
            USAGE,
            f"{directory}: in use by a running service or cron; run commands beside it with grocker-runner exec "
            "COMMAND",
        ) from None
    except OSError:
        pass  # a file system without locks
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Raise OSError: BlockingIOError or PermissionError when another process holds it (fcntl(2): EAGAIN, EACCES)."""
    import fcntl

    fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def empty(directory: str) -> None:
    """Remove everything below a directory; links are removed, not followed. Raises OSError."""
    directories = [directory]
    for path in directories:  # grows during the loop: deeper directories come later
        with os.scandir(path) as entries:
            for entry in list(entries):
                if entry.is_dir(follow_symlinks=False):
                    directories.append(entry.path)
                else:
                    os.unlink(entry.path)
    for path in reversed(directories[1:]):
        os.rmdir(path)


def make_directory(path: str) -> None:
    """Create a directory, mode 0700. Raises Failure (73)."""
    try:
        os.mkdir(path, 0o700)
        os.chmod(path, 0o700)
    except OSError as error:
        raise _cannot_write(path, error) from None


def write(path: str, data: bytes) -> None:
    """Create a file, mode 0600. Raises Failure (73)."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise _cannot_write(path, error) from None


def _cannot_write(path: str, error: OSError) -> Failure:
    return Failure(CANNOT_WRITE, f"{path}: cannot be written: {reason(error)}; mount a tmpfs at /tmp (--tmpfs /tmp)")


def _refuse_foreign(directory: str, status: int, remedy: str) -> None:
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode):
        raise Failure(status, f"{directory}: not a directory; {remedy}")
    if found.st_uid != os.getuid():
        raise Failure(status, f"{directory}: belongs to uid {found.st_uid}, not to {os.getuid()}; {remedy}")


def save(directory: str, record: StartRecord) -> None:
    """Write the record that ``exec`` reads. Raises Failure (73)."""
    write(f"{directory}/failure", record.failure.encode("utf-8", "surrogateescape"))
    write(f"{directory}/given", _block(record.given))
    write(f"{directory}/environment", _block(record.prepared))


def load(directory: str) -> StartRecord:
    """Read the record of the container's start. Raises Failure: 78 when there is none, 77 when it is another uid's."""
    try:
        _refuse_foreign(directory, USER, "run this as the container's user (docker exec --user)")
        return StartRecord(
            prepared=_variables(_content(f"{directory}/environment")),
            given=_variables(_content(f"{directory}/given")),
            failure=_content(f"{directory}/failure").decode("utf-8", "surrogateescape"),
        )
    except FileNotFoundError:
        raise Failure(
            CONFIGURATION, f"{directory}: no prepared environment; the container was not started by grocker-runner run"
        ) from None
    except OSError as error:
        raise Failure(USER, f"{directory}: cannot be read by uid {os.getuid()}: {reason(error)}") from None


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _block(variables: Mapping[str, str]) -> bytes:
    """Encode as ``/proc/PID/environ`` does: a value may contain anything but NUL."""
    return b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in variables.items())


def _variables(block: bytes) -> dict[str, str]:
    pairs = (item.partition(b"=") for item in block.split(b"\0") if item)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
