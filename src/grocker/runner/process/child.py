"""Starting a program as a child: its own process group, the terminal's foreground, the container's signals."""

from __future__ import annotations

import errno
import os

from ..base.c_modules import signal
from ..base.failure import NOT_EXECUTABLE, NOT_FOUND, OF_DESCRIPTORS, Failure, reason
from ..base.value import TYPE_CHECKING
from .program import Program
from .signals import QUEUED, restore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, prctl(2)
_TURN = 500  # children taken before others have their turn


class NoProcess(Failure):
    """The system has no room for another process: it may have, later."""


def terminal() -> int | None:
    """A descriptor of the controlling terminal whose foreground we are, or None."""
    for descriptor in (0, 1, 2):
        try:
            if os.tcgetpgrp(descriptor) == os.getpgrp():
                return descriptor
        except OSError:
            continue
    return None


def become(program: Program, environ: Mapping[str, str], mask: set[int]) -> NoReturn:
    """Replaces the runner. Raises Failure (126, 127)."""
    restore(mask)
    try:
        os.execve(program.path, program.arguments, environ)  # noqa: S606
    except OSError as error:
        raise _not_executed(program, error.errno or 0) from None


def spawn(
    program: Program,
    environ: Mapping[str, str],
    mask: set[int],
    *,
    foreground: int | None,
    directory: str | None = None,
    keep: tuple[int, ...] = (),
    streams: tuple[int, int, int] = (0, 1, 2),
    before: Callable[[int], None] | None = None,
) -> int:
    """The child's process id, which is its group's too, once the program runs.

    ``mask``: signals that it shall have blocked; ``foreground``: the terminal to give it; ``directory``: where it
    starts; ``keep``: descriptors that it inherits; ``streams``: what becomes its stdin, stdout and stderr; ``before``:
    called with the id when the group is there and the program is not yet. Raises Failure (126); NoProcess is one.
    """
    try:
        told, tell, ready, go = _pipes()
    except OSError as error:
        raise _no_process(error) from None
    # Between fork and exec a signal waits for the program: a handler of ours would take it away from there.
    held = signal.pthread_sigmask(signal.SIG_BLOCK, QUEUED)
    try:
        child = os.fork()
    except OSError as error:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        for descriptor in (told, tell, ready, go):
            os.close(descriptor)
        raise _no_process(error) from None
    if child == 0:
        _in_child(program, environ, mask, directory, keep, streams, (ready, go, tell))
    signal.pthread_sigmask(signal.SIG_SETMASK, held)
    os.close(tell)
    os.close(ready)
    try:
        os.setpgid(child, child)
    except OSError:
        pass  # it did so itself
    if foreground is not None:
        try:
            os.tcsetpgrp(foreground, child)
        except OSError:
            pass  # the terminal went away
    if before is not None:
        before(child)
    os.write(go, b".")  # an end of file would not do: what ``before`` started has inherited this end
    os.close(go)
    try:
        failed = os.read(told, 16)
    finally:
        os.close(told)
    if failed:
        os.waitpid(child, 0)
        raise _not_executed(program, int(failed))
    return child


def _in_child(
    program: Program,
    environ: Mapping[str, str],
    mask: set[int],
    directory: str | None,
    keep: tuple[int, ...],
    streams: tuple[int, int, int],
    pipes: tuple[int, int, int],
) -> NoReturn:
    """What happens between fork and exec: waits for a byte, and tells the number of an error."""
    ready, go, tell = pipes
    try:
        os.setpgid(0, 0)
        os.close(go)
        os.read(ready, 1)
        restore_directory(directory)
        for descriptor in keep:
            os.set_inheritable(descriptor, True)
        for place, descriptor in enumerate(streams):
            if descriptor != place:
                os.dup2(descriptor, place)
        restore(mask)
        os.execve(program.path, program.arguments, environ)  # noqa: S606
    except OSError as error:
        os.write(tell, str(error.errno or 0).encode())
    finally:
        os._exit(NOT_FOUND)


def _pipes() -> tuple[int, int, int, int]:
    """Two, both ends of each. Raises OSError."""
    first = os.pipe()
    try:
        return (*first, *os.pipe())
    except OSError:
        for descriptor in first:
            os.close(descriptor)
        raise


def _no_process(error: OSError) -> NoProcess:
    option = "--ulimit nofile" if error.errno in OF_DESCRIPTORS else "--pids-limit"
    return NoProcess(NOT_EXECUTABLE, f"no process can be started: {reason(error)}: raise the engine's limit ({option})")


def restore_directory(directory: str | None) -> None:
    """Changes to ``directory``, or to ``/`` where that is impossible."""
    if directory is not None:
        try:
            os.chdir(directory)
        except OSError:
            os.chdir("/")


def _not_executed(program: Program, number: int) -> Failure:
    path = program.path
    if number == errno.ENOEXEC:
        why = "neither a program for this machine nor a script: its first line must be a shebang, as #!/bin/sh"
    elif number == errno.ENOENT:
        there = os.path.lexists(path)
        why = "its interpreter is not in this image" if there else "it is not in this image"
    elif number == errno.E2BIG:
        why = "its arguments and environment are too long"
    else:
        why = os.strerror(number)
    return Failure(NOT_EXECUTABLE, f"{path}: cannot be executed: {why}")


def send(number: int, process: int) -> None:
    """A signal to a process, or to a group when negative; it may be gone."""
    try:
        os.kill(process, number)
    except (ProcessLookupError, PermissionError):
        pass


def reap_some(call: Callable[[int, int], None], options: int = os.WNOHANG) -> bool:
    """Calls with the process id and wait status of each child that ended; whether there may be more of them.

    Orphans can come as fast as they are taken, and other things want to be done too.
    """
    for _ in range(_TURN):
        process, status = reap(options)
        if process == 0:
            return False
        call(process, status)
    return True


def reap(options: int = os.WNOHANG) -> tuple[int, int]:
    """One child that ended (or stopped, with WUNTRACED) as (process id, wait status); (0, 0) when there is none."""
    try:
        return os.waitpid(-1, options)
    except ChildProcessError:
        return 0, 0


def status_of(wait_status: int) -> int:
    """The exit status that a shell would give: 128 + N for signal N."""
    code = os.waitstatus_to_exitcode(wait_status)
    return 128 - code if code < 0 else code


def resume_when_stopped(child: int, wait_status: int) -> bool:
    """Whether it was stopped; Ctrl-Z has nobody to come back to in a container, so it goes on."""
    if not os.WIFSTOPPED(wait_status):
        return False
    if os.WSTOPSIG(wait_status) == signal.SIGTSTP:
        send(signal.SIGCONT, -child)
    return True


def adopt_orphans() -> None:
    """Under another init our children's orphans come to us all the same, as long as we live."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass
