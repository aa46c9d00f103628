"""Runs programs of the host. Only this module starts them, so that every failure names its action."""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

import msgspec

from grocker.errors import UnavailableError

_MOST_OUTPUT = 32 << 20
"""bytes of each stream that are kept"""
_MOST_STREAMED = 1 << 18
"""bytes of a streamed output that are kept"""
_LONGEST_LINE = 1 << 12
"""bytes"""
_TURN = 1.0
"""seconds of one wait: how long a Ctrl-C may go unnoticed"""
_PR_SET_DUMPABLE = 4
"""prctl(2)"""


class SlowProgramError(UnavailableError):
    """A program did not end in the time that it had."""


class Output(msgspec.Struct, frozen=True):
    """What a program returned and wrote."""

    status: int
    """exit status; -N when signal N ended it"""
    stdout: bytes
    stderr: str


def run(
    arguments: Sequence[str | Path],
    *,
    action: str,
    environment: Mapping[str, str],
    directory: Path | None = None,
    stdin: bytes = b"",
    hint: str | None = None,
    seconds: float | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Output:
    """Run a program to its end and return its output; the caller judges its status.

    ``action``: what is being done, for the error ("building the project's wheel").
    ``environment``: the program's whole environment; nothing is inherited. The umask is 022.
    ``hint``: the remedy when the program does not exist. ``seconds``: how long it may take, None for any time.
    ``meanwhile``: called once, when the program has been started.
    Raises UnavailableError when the program cannot be started, or takes longer. An exception while it runs
    (Ctrl-C) kills it and its whole process group. Does not wait for daemons that the program leaves behind. The program
    has no terminal: a password prompt of git fails instead of waiting.
    """
    deadline = time.monotonic() + (math.inf if seconds is None else seconds)
    with ExitStack() as files:
        # A pipe would end only with the last process that holds it, such as a daemon left behind.
        out, err = (files.enter_context(open(os.memfd_create(name), "w+b")) for name in ("stdout", "stderr"))
        with _started(arguments, out, err, action, environment, directory, hint) as program:
            if meanwhile is not None:
                meanwhile()
            try:
                _feed(program, stdin, deadline)
                _wait(program, deadline)
            except _LateError as error:
                raise _too_slow(arguments[0], action, seconds, hint) from error
        said, complaints = (_tail(stream) for stream in (out, err))
        return Output(program.returncode, said, complaints.decode("utf-8", "replace"))


def stream(
    arguments: Sequence[str | Path],
    *,
    action: str,
    environment: Mapping[str, str],
    stdin: bytes,
    on_line: Callable[[str], object],
    seconds: float,
    hint: str | None = None,
) -> Output:
    """As ``run``, but call ``on_line`` with each line of standard output as it comes, without its end.

    The program and all that it starts have ended when this returns: its standard output has. Of that, and of a long
    line, the end is returned. Raises as ``run``.
    """
    deadline = time.monotonic() + seconds
    with open(os.memfd_create("stderr"), "w+b") as err:
        with _started(arguments, subprocess.PIPE, err, action, environment, None, hint) as program:
            assert program.stdout is not None
            said, rest = bytearray(), b""
            try:
                _feed(program, stdin, deadline)
                while chunk := _read(program.stdout, deadline):
                    said += chunk
                    del said[:-_MOST_STREAMED]
                    *lines, rest = (rest + chunk).split(b"\n")
                    rest = rest[-_LONGEST_LINE:]
                    for line in lines:
                        on_line(line[-_LONGEST_LINE:].decode("utf-8", "replace"))
                _wait(program, deadline)
            except _LateError as error:
                raise _too_slow(arguments[0], action, seconds, hint) from error
        return Output(program.returncode, bytes(said), _tail(err).decode("utf-8", "replace"))


class _LateError(Exception):
    """The deadline has passed."""


def _feed(program: subprocess.Popen[bytes], data: bytes, deadline: float) -> None:
    assert program.stdin is not None
    left, descriptor = memoryview(data), program.stdin.fileno()
    os.set_blocking(descriptor, False)
    try:
        while left:
            _wait_until_ready(descriptor, select.POLLOUT, deadline)
            left = left[os.write(descriptor, left) :]
        program.stdin.close()
    except BrokenPipeError:
        pass  # it ended at once, and says why


def _read(source: IO[bytes], deadline: float) -> bytes:
    """Some bytes of a pipe, none at its end."""
    _wait_until_ready(source.fileno(), select.POLLIN, deadline)
    return os.read(source.fileno(), 1 << 16)


def _wait(program: subprocess.Popen[bytes], deadline: float) -> None:
    try:
        handle = os.pidfd_open(program.pid)
    except OSError:  # before Linux 5.3, or without a free descriptor
        try:
            program.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise _LateError from error
        return
    try:
        _wait_until_ready(handle, select.POLLIN, deadline)
    finally:
        os.close(handle)
    program.wait()


def _wait_until_ready(descriptor: int, event: int, deadline: float) -> None:
    """Wait in turns: a Ctrl-C that comes just before a system call is seen after it."""
    poll = select.poll()
    poll.register(descriptor, event)
    while not poll.poll(1000 * min(_TURN, max(0.0, deadline - time.monotonic()))):
        if time.monotonic() >= deadline:
            raise _LateError


@contextmanager
def _started(
    arguments: Sequence[str | Path],
    out: IO[bytes] | int,
    err: IO[bytes],
    action: str,
    environment: Mapping[str, str],
    directory: Path | None,
    hint: str | None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program; kill it with its process group if the block does not end well."""
    interrupts = HeldInterrupts()
    try:
        interrupts.hold()
        program = subprocess.Popen(
            [str(a) for a in arguments],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
            cwd=directory,
            env=dict(environment),
            umask=0o022,
            start_new_session=True,
            close_fds=False,  # the lock on the temporary directory goes along; everything else closes itself
        )
    except OSError as error:
        interrupts.release()
        where = f" in {directory}" if directory is not None and not directory.is_dir() else ""
        raise UnavailableError(f"{action}: cannot start {arguments[0]}{where}: {error.strerror}", hint=hint) from error
    except BaseException:
        interrupts.release()
        raise
    with program:
        _running.add(program.pid)
        try:
            interrupts.release()
            yield program
        except BaseException:
            _end(program)
            raise
        finally:
            _running.discard(program.pid)


def _too_slow(program: str | Path, action: str, seconds: float | None, hint: str | None) -> SlowProgramError:
    return SlowProgramError(f"{action}: {program} did not finish within {seconds:g} s", hint=hint)


def _tail(stream: IO[bytes]) -> bytes:
    """What a program wrote; of more than _MOST_OUTPUT bytes the end, where the reason of a failure is."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _MOST_OUTPUT))
    return stream.read(_MOST_OUTPUT)


_running: set[int] = set()
"""process groups of programs that run just now"""
_starting: set[int] = set()
"""threads that start a program just now"""
_START = 1.0
"""seconds: how long that may take when this process is to end"""


def kill_running() -> None:
    """Kill every program that runs, with its process group, without waiting for it: this process ends at once."""
    latest = time.monotonic() + _START
    while True:
        is_complete = not _starting - {threading.get_ident()}
        for group in tuple(_running):
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if is_complete or time.monotonic() > latest:
            return
        time.sleep(0.001)


def close_environment() -> None:
    """Close /proc/PID/environ of this process to other processes of the same user, for good.

    The caller's environment may hold passwords; a program of others that this process starts would read them there.
    """
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


class HeldInterrupts:
    """Holds back what signals raise (Ctrl-C) while a program starts: within Popen, it would leave the program running.

    Python interrupts the main thread only. Other threads are noted, for ``kill_running`` to wait for.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], object]] = {}
        self._came: list[int] = []

    def hold(self) -> None:
        """Note the signals that come from now on, and do nothing else, until ``release``, which must be called."""
        _starting.add(threading.get_ident())
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            handler = signal.getsignal(number)
            if callable(handler):  # an ignored signal stays ignored: the program inherits that
                self._handlers[number] = handler
                signal.signal(number, lambda number, _: self._came.append(number))

    def release(self) -> None:
        """Give the signals back to their handlers, and raise what came meanwhile."""
        _starting.discard(threading.get_ident())
        if not self._handlers:
            return
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, self._handlers)
        while self._handlers:
            signal.signal(*self._handlers.popitem())
        while self._came:
            signal.raise_signal(self._came.pop())
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _end(program: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(program.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    program.wait()
