"""Starts a job's process, in its own session, with pipes for its output. Contract: K3.

posix_spawn(3) instead of fork(2), which would copy the scheduler's page tables: a thousand jobs start in a second.
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
"""Errors of a shortage of processes, memory or descriptors, which the end of another job may relieve."""


class JobProcess(Value):
    """``pid`` is the process group's id too; ``out`` and ``err``: our ends of its pipes, non-blocking."""

    pid: int
    out: int
    err: int


class DescriptorLimit:
    """The limit of open files, which the scheduler raises to the hard limit for itself, but not for its jobs."""

    def __init__(self) -> None:
        self._jobs = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._own = (self._jobs[1], self._jobs[1])
        self.floor = min(self._jobs[0], 1 << 16) if 0 < self._jobs[0] < self._jobs[1] else 0
        """the first descriptor beyond the jobs' limit, 0 if there is none"""
        self.raise_for_scheduler()

    def raise_for_scheduler(self) -> None:
        """Raise the limit."""
        resource.setrlimit(resource.RLIMIT_NOFILE, self._own)

    def restore_for_job(self) -> None:
        """Restore the container's limit, for a new process."""
        resource.setrlimit(resource.RLIMIT_NOFILE, self._jobs)


def spawn_job(
    command: str,
    stdin: bytes | None,
    environ: Mapping[str, str],
    mask: set[int],
    limit: DescriptorLimit,
    *,
    home: str,
    directory: str | None = None,
) -> JobProcess:
    """Start ``command`` with the SHELL of ``environ``, in its HOME; in ``home`` or ``/`` only if HOME is ``home``.

    ``directory``: where it starts instead, as long as its HOME is ``home``.

    ``stdin``: its input, None for none; ``mask``: signals to block in it. Raises Failure (126, 127), and OSError for
    SHORTAGES.
    """
    shell = environ["SHELL"]
    opened: list[int] = []
    try:
        opened += _pipe(limit.floor)
        opened += _pipe(limit.floor)
        opened.append(_input(stdin))
        out, out_end, err, err_end, source = opened
        own = environ.get("HOME", home)
        _change_directory(directory or home if own == home else own, own, home)
        limit.restore_for_job()
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
            limit.raise_for_scheduler()
    except (Failure, OSError) as error:
        for descriptor in opened:
            os.close(descriptor)
        if isinstance(error, Failure) or error.errno in SHORTAGES:
            raise
        status = NOT_FOUND if error.errno == errno.ENOENT else NOT_EXECUTABLE
        raise Failure(status, f"{shell}: cannot start the shell: {reason(error)}; check SHELL") from None
    for descriptor in (out_end, err_end, source):
        os.close(descriptor)
    return JobProcess(pid=pid, out=out, err=err)


def _pipe(floor: int) -> tuple[int, int]:
    """Return our end, which does not block, and the job's, which does.

    Ours is ``floor`` or above: posix_spawn(3) does not pass on a descriptor above the job's limit (EBADF, seen with
    glibc 2.36), so low ones are kept for what is passed on.
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
    """Open the job's stdin, a file in memory: a pipe would have to be written to."""
    if data is None:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    descriptor = os.memfd_create("stdin")
    with open(descriptor, "wb", 0, closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _change_directory(start: str, requested: str, home: str) -> None:
    """Change the scheduler's own directory: posix_spawn(3) has no parameter for it.

    The image's ``home`` may be missing, since nothing needs it. Raises Failure (126) for a HOME of the crontab's, as
    Debian's cron does not run such a job either.
    """
    why = ""
    for directory in (start, "/"):
        try:
            os.chdir(directory)
            return
        except (OSError, ValueError) as error:
            why = why or (reason(error) if isinstance(error, OSError) else str(error))
        if requested != home:
            raise Failure(
                NOT_EXECUTABLE, f"HOME={requested}: cannot start there: {why}; create the directory, or correct HOME"
            )
