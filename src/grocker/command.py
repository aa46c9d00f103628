"""Runs programs of the host. Only this module starts them, so that every failure names its action."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import IO

import msgspec

from grocker.errors import UnavailableError

_MOST_OUTPUT = 32 << 20
"""bytes of each stream that are kept"""
_PR_SET_DUMPABLE = 4
"""prctl(2)"""


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
    interrupts = _Interrupts()
    with ExitStack() as files:
        files.callback(interrupts.release)
        try:
            # A pipe would end only with the last process that holds it, such as a daemon left behind.
            out, err = (files.enter_context(open(os.memfd_create(name), "w+b")) for name in ("stdout", "stderr"))
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
            where = f" in {directory}" if directory is not None and not directory.is_dir() else ""
            raise UnavailableError(
                f"{action}: cannot start {arguments[0]}{where}: {error.strerror}", hint=hint
            ) from error
        with program:
            _running.add(program.pid)
            try:
                interrupts.release()
                if meanwhile is not None:
                    meanwhile()
                program.communicate(stdin, seconds)
            except subprocess.TimeoutExpired as error:
                _end(program)
                raise UnavailableError(
                    f"{action}: {arguments[0]} did not finish within {seconds:g} s", hint=hint
                ) from error
            except BaseException:
                _end(program)
                raise
            finally:
                _running.discard(program.pid)
        said, complaints = (_tail(stream) for stream in (out, err))
        return Output(program.returncode, said, complaints.decode("utf-8", "replace"))


def _tail(stream: IO[bytes]) -> bytes:
    """What a program wrote; of more than _MOST_OUTPUT bytes the end, where the reason of a failure is."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _MOST_OUTPUT))
    return stream.read(_MOST_OUTPUT)


_running: set[int] = set()
"""process groups of programs that run just now"""


def kill_running() -> None:
    """Kill every program that runs, with its process group, without waiting: this process ends at once."""
    for group in tuple(_running):
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue


def close_environment() -> None:
    """Close /proc/PID/environ of this process to other processes of the same user, for good.

    The caller's environment may hold passwords; a program of others that this process starts would read them there.
    """
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


class _Interrupts:
    """Holds back what signals raise (Ctrl-C) while a program starts: within Popen, it would leave the program running.

    Python interrupts the main thread only.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], object]] = {}
        self._came: list[int] = []

    def hold(self) -> None:
        """Note the signals that come from now on, and do nothing."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            handler = signal.getsignal(number)
            if callable(handler):  # an ignored signal stays ignored: the program inherits that
                self._handlers[number] = handler
                signal.signal(number, lambda number, _: self._came.append(number))

    def release(self) -> None:
        """Give the signals back to their handlers, and raise what came meanwhile."""
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
