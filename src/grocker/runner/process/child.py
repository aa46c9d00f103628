"""Starts programs as children, in process groups of their own, and reaps them. Contract: E1, E6."""

from __future__ import annotations

import errno
import os

from ..base.c_modules import signal
from ..base.failure import NOT_EXECUTABLE, NOT_FOUND, SIGNALLED, TOO_MANY_FILES, Failure, reason
from ..base.value import TYPE_CHECKING
from .program import Program
from .signals import QUEUED, restore_signals, signal_group

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_REAP_AT_ONCE = 500  # children, before other events get their turn


class ProcessLimitReached(Failure):
    """No process can be started now; later, one may."""


def foreground_terminal() -> int | None:
    """Return a descriptor of the controlling terminal if we are its foreground, else None."""
    for descriptor in (0, 1, 2):
        try:
            if os.tcgetpgrp(descriptor) == os.getpgrp():
                return descriptor
        except OSError:
            continue
    return None


def replace_process(program: Program, environ: Mapping[str, str], mask: set[int]) -> NoReturn:
    """Replace the runner with a program. Raises Failure (126, 127)."""
    restore_signals(mask)
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
    before_exec: Callable[[int], None] | None = None,
) -> int:
    """Start a program; return its process id, which is its group's too, once it runs.

    ``mask``: signals to block in it; ``foreground``: the terminal to give it; ``directory``: where it starts; ``keep``:
    descriptors that it inherits; ``streams``: its stdin, stdout and stderr; ``before_exec``: called with the process id
    when the group exists and the program does not run yet. Raises Failure (126), of which ProcessLimitReached is one.
    """
    try:
        error_reader, error_writer, go_reader, go_writer = _pipes()
    except OSError as error:
        raise _limit_reached(error) from None
    # Between fork and exec, signals stay pending for the program: a handler of ours would swallow them.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, QUEUED)
    try:
        child = os.fork()
    except OSError as error:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for descriptor in (error_reader, error_writer, go_reader, go_writer):
            os.close(descriptor)
        raise _limit_reached(error) from None
    if child == 0:
        _in_child(program, environ, mask, directory, keep, streams, (go_reader, go_writer, error_writer))
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    os.close(error_writer)
    os.close(go_reader)
    try:
        os.setpgid(child, child)
    except OSError:
        pass  # it did so itself
    if foreground is not None:
        try:
            os.tcsetpgrp(foreground, child)
        except OSError:
            pass  # the terminal went away
    if before_exec is not None:
        before_exec(child)
    os.write(go_writer, b".")  # closing it would not do: what ``before_exec`` started has inherited it
    os.close(go_writer)
    try:
        failed = os.read(error_reader, 16)
    finally:
        os.close(error_reader)
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
    """Run between fork and exec: wait for a byte, then execute; report the number of an error."""
    go_reader, go_writer, error_writer = pipes
    try:
        os.setpgid(0, 0)
        os.close(go_writer)
        os.read(go_reader, 1)
        _change_directory(directory)
        for descriptor in keep:
            os.set_inheritable(descriptor, True)
        for place, descriptor in enumerate(streams):
            if descriptor != place:
                os.dup2(descriptor, place)
        restore_signals(mask)
        os.execve(program.path, program.arguments, environ)  # noqa: S606
    except OSError as error:
        os.write(error_writer, str(error.errno or 0).encode())
    finally:
        os._exit(NOT_FOUND)


def _pipes() -> tuple[int, int, int, int]:
    """Create two pipes; return both ends of each. Raises OSError."""
    first = os.pipe()
    try:
        return (*first, *os.pipe())
    except OSError:
        for descriptor in first:
            os.close(descriptor)
        raise


def _limit_reached(error: OSError) -> ProcessLimitReached:
    option = "--ulimit nofile" if error.errno in TOO_MANY_FILES else "--pids-limit"
    return ProcessLimitReached(
        NOT_EXECUTABLE, f"cannot start a process: {reason(error)}; raise the engine's limit ({option})"
    )


def _change_directory(directory: str | None) -> None:
    """Change to ``directory``, or to ``/`` where that is impossible."""
    if directory is not None:
        try:
            os.chdir(directory)
        except OSError:
            os.chdir("/")


def _not_executed(program: Program, number: int) -> Failure:
    path = program.path
    if number == errno.ENOEXEC:
        why = "neither a program for this architecture nor a script with a shebang line such as #!/bin/sh"
    elif number == errno.ENOENT:
        there = os.path.lexists(path)
        why = "its interpreter is not in this image" if there else "not found in this image"
    elif number == errno.E2BIG:
        why = "arguments and environment are too long"
    elif number == errno.EPERM and _has_capabilities(path):
        why = "it has capabilities that the container lacks (getcap shows them); add them with --cap-add"
    else:
        why = os.strerror(number)
    return Failure(NOT_EXECUTABLE, f"{path}: cannot be executed: {why}")


def _has_capabilities(path: str) -> bool:
    try:
        return bool(os.getxattr(path, "security.capability"))
    except OSError:
        return False


def reap_some(call: Callable[[int, int], None], options: int = os.WNOHANG) -> bool:
    """Call with the process id and wait status of each child that ended; return whether there may be more.

    Orphans can arrive as fast as they are reaped, so the number is limited: other events are due too.
    """
    for _ in range(_REAP_AT_ONCE):
        process, status = reap(options)
        if process == 0:
            return False
        call(process, status)
    return True


def reap(options: int = os.WNOHANG) -> tuple[int, int]:
    """Return (process id, wait status) of a child that ended (or stopped, with WUNTRACED); (0, 0) if there is none."""
    try:
        return os.waitpid(-1, options)
    except ChildProcessError:
        return 0, 0


def exit_status(wait_status: int) -> int:
    """Return the exit status that a shell would give: 128 + N for signal N."""
    code = os.waitstatus_to_exitcode(wait_status)
    return SIGNALLED - code if code < 0 else code


def resume_when_stopped(child: int, wait_status: int) -> bool:
    """Continue a child that Ctrl-Z stopped: no shell in the container would; return whether it was stopped."""
    if not os.WIFSTOPPED(wait_status):
        return False
    if os.WSTOPSIG(wait_status) == signal.SIGTSTP:
        signal_group(child, signal.SIGCONT)
    return True


def adopt_orphans() -> None:
    """Become the parent of our children's orphans under another init too."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass
