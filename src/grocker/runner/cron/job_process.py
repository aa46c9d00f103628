"""A job's process: a session of its own, a pipe each for what it says. Contract: K3.

posix_spawn(3) instead of fork(2): the page tables of the scheduler are not copied, a thousand jobs start in a second.
"""

from __future__ import annotations

import errno
import fcntl
import os
import resource

from ..base.c_modules import signal
from ..base.failure import NOT_EXECUTABLE, NOT_FOUND, Failure, reason
from ..base.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

SHORTAGES = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
"""Of processes, memory or descriptors: it may be over when another job has ended."""


class Process(Value):
    """``pid`` is the process group's id too; ``out`` and ``err``: our ends of its pipes, not blocking."""

    pid: int
    out: int
    err: int


class Limits:
    """The descriptors that the scheduler may have open: raised to the hard limit for itself, not for the jobs."""

    def __init__(self) -> None:
        self._jobs = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._own = (self._jobs[1], self._jobs[1])
        self.floor = min(self._jobs[0], 1 << 16) if 0 < self._jobs[0] < self._jobs[1] else 0
        """the first descriptor that jobs may not have, 0 where they may have all"""
        self.for_own()

    def for_own(self) -> None:
        """As the scheduler needs them."""
        resource.setrlimit(resource.RLIMIT_NOFILE, self._own)

    def for_jobs(self) -> None:
        """As the container has them."""
        resource.setrlimit(resource.RLIMIT_NOFILE, self._jobs)


def spawn(
    command: str, stdin: bytes | None, environ: Mapping[str, str], mask: set[int], limits: Limits, *, home: str
) -> Process:
    """Starts ``command`` with the shell of ``environ`` in the home of ``environ``, or ``home``, or ``/``.

    ``stdin``: what it reads, None for nothing; ``mask``: signals that it shall have blocked. Raises Failure (126, 127);
    OSError of SHORTAGES.
    """
    shell = environ["SHELL"]
    opened: list[int] = []
    try:
        opened += _pipe(limits.floor)
        opened += _pipe(limits.floor)
        opened.append(_input(stdin))
        out, out_end, err, err_end, source = opened
        _enter(environ.get("HOME", home), home)
        limits.for_jobs()
        try:
            pid = os.posix_spawn(
                shell,
                (shell, "-c", command),
                environ,
                file_actions=(
                    (os.POSIX_SPAWN_DUP2, source, 0),
                    (os.POSIX_SPAWN_DUP2, out_end, 1),
                    (os.POSIX_SPAWN_DUP2, err_end, 2),
                ),
                setsid=True,
                setsigmask=mask,
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # Python ignores them for itself
            )
        finally:
            limits.for_own()
    except OSError as error:
        for descriptor in opened:
            os.close(descriptor)
        if error.errno in SHORTAGES:
            raise
        status = NOT_FOUND if error.errno == errno.ENOENT else NOT_EXECUTABLE
        raise Failure(status, f"{shell}: cannot be started: {reason(error)}: SHELL names the jobs' shell") from None
    for descriptor in (out_end, err_end, source):
        os.close(descriptor)
    return Process(pid=pid, out=out, err=err)


def _pipe(floor: int) -> tuple[int, int]:
    """Our end, which does not block, and the job's, which does.

    Ours is ``floor`` or above: posix_spawn(3) refuses to hand on a descriptor that is over the job's own limit (EBADF,
    seen with glibc 2.36), so the low ones are kept for what is handed on.
    """
    ours, theirs = os.pipe()
    if floor:
        try:
            low, ours = ours, fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, floor)
        except OSError:
            os.close(ours)
            os.close(theirs)
            raise
        os.close(low)
    os.set_blocking(ours, False)
    return ours, theirs


def _input(data: bytes | None) -> int:
    """A file in memory: a pipe would have to be fed."""
    if data is None:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    descriptor = os.memfd_create("stdin")
    with open(descriptor, "wb", 0, closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _enter(*directories: str) -> None:
    """The scheduler itself goes there: posix_spawn(3) has no directory to start in."""
    for directory in (*directories, "/"):
        try:
            os.chdir(directory)
            return
        except (OSError, ValueError):
            continue


def kill(group: int, number: int) -> bool:
    """A signal to a process group, 0 to ask only; whether there is one."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
