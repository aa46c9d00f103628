"""The scratch directory: what the runner writes at each start, for the application and ``grocker-runner exec``.

Each start has a directory of its own, ``/tmp/.grocker-RANDOM``, mode 0700: containers may share a ``/tmp`` (an
emptyDir of a pod, a volume). It records in which container it was created, and is locked while that runner lives:

- ``exec``, ``config`` and ``health``, which engines start beside the runner, take the directory of their own container.
  The mount namespace tells containers apart: ``docker exec`` joins it, and no other container has it, also where they
  share the network, the host name or the process ids. Its number is unique until the machine restarts (boot_id).
- The next start removes what dead ones of the same uid have left, whichever container they were of.

Contract: C3 (nothing outlives a start), E7, X5. Sources: namespaces(7), random(4), lockf(3).
"""

from __future__ import annotations

import os
import stat

from .failure import CANNOT_WRITE, CONFIGURATION, USAGE, USER, Failure, reason
from .value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Mapping


SUPERVISED = "supervised"
"""The file that exists under ``start`` and ``cron``, for ``grocker-runner health``."""
_CONTAINER = "container"  # which one it is; locked
_YOUNG = 60.0  # seconds
_RANDOM = 16  # digits
_DIGITS = frozenset("0123456789abcdef")


class StartRecord(Value):
    """What ``exec`` needs to know about the start.

    ``prepared``: the application's environment; ``given``: the engine's; ``failure``: what was wrong, or "".
    """

    prepared: Mapping[str, str]
    given: Mapping[str, str]
    failure: str = ""


def new_name(prefix: str) -> str:
    """Return the path of a directory that does not exist yet."""
    return f"{prefix}-{os.urandom(_RANDOM // 2).hex()}"


def create(directory: str) -> None:
    """Create the directory of this start, which it keeps until this process ends; remove those of dead starts.

    Raises Failure: 73; 64 when a service or cron of this container runs.
    """
    identity = identify_container()
    _remove_dead(directory[: -_RANDOM - 1], identity)
    try:
        os.mkdir(directory, 0o700)
        os.chmod(directory, 0o700)  # whatever the umask was
        descriptor = os.open(f"{directory}/{_CONTAINER}", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)  # never closed
        try:
            os.lockf(descriptor, os.F_TLOCK, 0)  # before it has content: others remove only what has some
        except OSError:
            pass  # a file system without locks
        os.write(descriptor, identity)
    except OSError as error:
        raise _cannot_write(directory, error) from None


def claim(directory: str) -> None:
    """Mark the directory as that of ``start`` or ``cron``. Raises Failure (73)."""
    write(f"{directory}/{SUPERVISED}", b"")


def find(prefix: str, named: str = "") -> str:
    """Return the directory of this container's start, or a path where there is none.

    ``named``: what the environment says, believed if it was created in this container. Several starts: the oldest of
    those that run, the container's own. Without one of our uid, that of another, for :func:`load` to refuse.
    """
    identity = identify_container()
    own = [path for path in _directories(prefix) if _is_own(path) and _identity(path) == identity]
    if named in own:
        return named
    if own:
        return min(own, key=lambda path: (not _is_alive(path), _created(path)))
    others = [path for path in _directories(prefix) if not _is_own(path)]
    return others[0] if others else prefix


def identify_container() -> bytes:
    """Return an identifier that the processes of this container share, and no process of another one."""
    try:
        namespace = os.readlink("/proc/self/ns/mnt")
    except OSError:
        namespace = os.uname().nodename
    try:
        boot = _content("/proc/sys/kernel/random/boot_id").strip()
    except OSError:
        boot = b""
    return boot + b" " + os.fsencode(namespace)


def _directories(prefix: str) -> list[str]:
    parent, _, begin = prefix.rpartition("/")
    try:
        names = sorted(os.listdir(parent))
    except OSError:
        return []
    start, length = f"{begin}-", len(begin) + 1 + _RANDOM
    return [
        f"{parent}/{name}"
        for name in names
        if name.startswith(start) and len(name) == length and _DIGITS.issuperset(name[len(start) :])
    ]


def _is_own(path: str) -> bool:
    """Whether it is a directory of our uid: nobody else can have written what is in it."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _identity(path: str) -> bytes:
    try:
        return _content(f"{path}/{_CONTAINER}")
    except OSError:
        return b""


def _created(path: str) -> int:
    try:
        return os.stat(f"{path}/{_CONTAINER}").st_mtime_ns
    except OSError:
        return 0


def _is_alive(path: str) -> bool:
    """Whether the runner that created it lives."""
    try:
        descriptor = os.open(f"{path}/{_CONTAINER}", os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        os.lockf(descriptor, os.F_TEST, 0)
    except OSError:  # lockf(3): EAGAIN or EACCES; anything else, on a file system without locks, may mean it too
        return True
    finally:
        os.close(descriptor)
    return False


def _remove_dead(prefix: str, identity: bytes) -> None:
    """Remove our uid's directories of dead starts. Raises Failure (64) when a service or cron of ours runs."""
    for path in _directories(prefix):
        if not _is_own(path):
            continue
        found = _identity(path)
        if _is_alive(path):
            if found == identity and os.path.lexists(f"{path}/{SUPERVISED}"):
                raise Failure(
                    USAGE,
                    f"{path}: in use by a running service or cron; run commands beside it with grocker-runner exec "
                    "COMMAND",
                )
        elif found or _is_old(path):
            try:
                empty(path)
                os.rmdir(path)
            except OSError:
                pass  # another start removes it too


def _is_old(path: str) -> bool:
    """Whether a directory without a record is too old to be of a start that has just begun."""
    import time

    try:
        return time.time() - os.lstat(path).st_mtime > _YOUNG
    except OSError:
        return False


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


def _refuse_foreign(directory: str) -> None:
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise Failure(
            USER,
            f"{directory}: belongs to uid {found.st_uid}, not to {os.getuid()}; run this as the container's user "
            "(docker exec --user)",
        )


def save(directory: str, record: StartRecord) -> None:
    """Write the record that ``exec`` reads. Raises Failure (73)."""
    write(f"{directory}/failure", record.failure.encode("utf-8", "surrogateescape"))
    write(f"{directory}/given", _block(record.given))
    write(f"{directory}/environment", _block(record.prepared))


def load(directory: str) -> StartRecord:
    """Read the record of the container's start. Raises Failure: 78 when there is none, 77 when it is another uid's."""
    try:
        _refuse_foreign(directory)
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
