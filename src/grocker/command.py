"""Runs programs of the host. The only place that starts one, so that every failure names its action."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from grocker.errors import UnavailableError

_PR_SET_DUMPABLE = 4
"""prctl(2)"""


class Output(msgspec.Struct, frozen=True):
    """What a program left behind."""

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
    """Run a program to its end and return what it said; its status is the caller's to judge.

    ``action``: what is being done, for the error ("building the project's wheel").
    ``environment``: the program's whole environment; nothing is inherited. The umask is 022.
    ``hint``: the remedy when the program does not exist. ``seconds``: how long it may take, None for any time.
    ``meanwhile``: called once, when the program has been started.
    Raises UnavailableError when the program cannot be started, or takes longer. Whatever is raised while it runs
    (Ctrl-C) ends it, and all that it has started; a daemon that it leaves behind is not waited for. It has no terminal:
    a password that git would ask for is an error and no hang.
    """
    with ExitStack() as files:
        try:
            # A pipe's end would come with the end of the last process that holds it: of a daemon that was left behind.
            out, err = (files.enter_context(open(os.memfd_create(name), "w+b")) for name in ("stdout", "stderr"))
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
            try:
                if meanwhile is not None:
                    meanwhile()
                program.communicate(stdin, seconds)
            except subprocess.TimeoutExpired as error:
                _end(program)
                raise UnavailableError(f"{action}: {arguments[0]} took longer than {seconds:g} s", hint=hint) from error
            except BaseException:
                _end(program)
                raise
        out.seek(0)
        err.seek(0)
        return Output(program.returncode, out.read(), err.read().decode("utf-8", "replace"))


def close_environment() -> None:
    """Close /proc/PID/environ of this process to other processes of the same user, for good.

    The caller's environment may hold passwords; a program of others that this process starts would read them there.
    """
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _end(program: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(program.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    program.wait()
