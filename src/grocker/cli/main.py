"""The entry point: replay a build in which nothing changed, else run the command; errors are printed here.

Nothing heavy is imported before it is needed: a build in which nothing changed may cost at most 80 ms over bare
Python.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import sys

from grocker.cli import interrupt

TYPE_CHECKING = False  # importing typing takes as long as the rest
if TYPE_CHECKING:
    from typing import NoReturn, TextIO

    from typing_extensions import Buffer

_UNWRITABLE = frozenset({errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG})


def main() -> NoReturn:
    """The console script ``grocker``."""
    interrupt.install()
    _open_streams()
    # Modules and the objects of a build live to its end: looking for cycles among them took a tenth of a cold build's
    # processor time, and freed 4 % of its memory.
    gc.disable()
    # A thread that returns from the disk or a socket waits for another that imports: by default 5 ms each time, a
    # twentieth of a rebuild after a changed line.
    sys.setswitchinterval(0.001)
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the result is gone; there is nobody to tell (and nothing to flush at exit).
        _discard(sys.stdout)
        status = 0
    except OSError as error:
        _discard(sys.stdout)
        status = _show(_bug(error))
    except KeyboardInterrupt:
        interrupt.acknowledge()
        sys.stderr.write("grocker: interrupted; finished work is kept\n")
        status = interrupt.STATUS
    sys.stderr.flush()
    # Everything is written, and every thread and program of ours has ended: tearing down a thousand modules takes
    # longer than a build in which nothing changed.
    os._exit(status)


def run(arguments: list[str]) -> int:
    """Carry out a command line and return its exit status."""
    from grocker.cli import replay

    replayed = replay.replay(arguments, os.environ)
    if replayed is not None:
        return replayed
    from grocker.errors import GrockerError

    try:
        options = None
        if arguments[:1] == ["build"]:
            from grocker.cli.kept_options import find_options

            options = find_options(arguments, os.environ)
        if options is not None:
            from grocker.cli.build_action import carry_out

            carry_out(options, arguments)
        else:
            from grocker.cli.commands import invoke

            invoke(arguments)
    except GrockerError as error:
        return _show(error)
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:
        if os.environ.get("GROCKER_DEBUG"):
            raise
        if _is_output(error):
            _discard(sys.stdout)
        return _show(_bug(error))
    return 0


class _Talk(io.FileIO):
    """Standard error; messages that cannot be written (no reader, full disk) are dropped and change nothing."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _open_streams() -> None:
    """Open closed streams to /dev/null, so that no file of ours gets their numbers; write UTF-8 in every locale."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    encoding = sys.stderr.encoding if sys.stderr is not None else "utf-8"
    talk = io.BufferedWriter(_Talk(2, "w", closefd=False))
    sys.stderr = io.TextIOWrapper(talk, encoding, "backslashreplace", line_buffering=True)


def _discard(stream: TextIO) -> None:
    """Discard what is still to be written, also at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _is_output(error: Exception) -> bool:
    """Whether writing to standard output failed: every other file has a name."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE


def _bug(error: Exception) -> Exception:
    from grocker.errors import BugError, StorageError

    if isinstance(error, OSError) and _is_output(error):
        return StorageError(f"writing to standard output: {error.strerror}", hint="redirect the output elsewhere")
    if isinstance(error, OSError) and error.filename is not None:
        return StorageError(
            f"{error.filename}: {error.strerror}", hint="check the file and its file system (ls -l, dmesg)"
        )
    if isinstance(error, MemoryError) or "can't start new thread" in str(error):
        return StorageError(
            f"not enough memory or threads: {str(error) or 'out of memory'}",
            hint="raise the limits of the container or the shell (ulimit -v, ulimit -u), or stop other programs",
        )
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" ({os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno})" if trace else ""
    return BugError(
        f"{type(error).__name__}: {error}{place}",
        hint="this is a bug in Grocker; run again with GROCKER_DEBUG=1 and report the output",
    )


def _show(error: Exception) -> int:
    from grocker.cli.terminal import show_error
    from grocker.errors import BugError, GrockerError

    if not isinstance(error, GrockerError):
        error = BugError(str(error))
    show_error(error)
    return error.status
