"""The entry point: the quick way for a build in which nothing changed, else the commands; errors become lines here.

Nothing heavy is imported before it is needed: the whole of a build in which nothing changed may cost at most
80 ms over bare Python.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import signal
import sys

TYPE_CHECKING = False  # importing typing takes as long as the rest
if TYPE_CHECKING:
    from typing import NoReturn, TextIO

    from typing_extensions import Buffer

INTERRUPTED = 130
_UNWRITABLE = frozenset({errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG})


def main() -> NoReturn:
    """The console script ``grocker``."""
    signal.signal(signal.SIGTERM, _terminate)
    _open_streams()
    # What is imported and what a build holds lives to its end: looking for cycles in it took a tenth of a cold build's
    # processor time, and found 4 % of its memory.
    gc.disable()
    # While one thread imports, another that comes back from the disk or a socket waits for it: 5 ms each time, by
    # default, a twentieth of a changed line's time.
    sys.setswitchinterval(0.001)
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our result went away; there is nobody to tell (and nothing to flush at exit).
        _discard(sys.stdout)
        status = 0
    except OSError as error:
        _discard(sys.stdout)
        status = _show(_bug(error))
    except KeyboardInterrupt:
        sys.stderr.write("grocker: interrupted; what was finished is kept\n")
        status = INTERRUPTED
    sys.stderr.flush()
    # Everything is written, and every thread and program of ours has ended: to take a thousand modules apart again
    # takes longer than a build in which nothing changed.
    os._exit(status)


def run(arguments: list[str]) -> int:
    """Carry out a command line and return its exit status."""
    from grocker.cli import replay

    replayed = replay.replay(arguments, os.environ)
    if replayed is not None:
        return replayed
    from grocker.errors import GrockerError

    try:
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
    """Standard error: what cannot be said, since its reader went away or its disk is full, changes nothing."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _open_streams() -> None:
    """Streams that were closed lead nowhere, and no file of ours gets their numbers; JSON is UTF-8 in every locale."""
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


def _terminate(number: int, frame: object) -> NoReturn:
    """TERM ends the process as Ctrl-C does: temporary files are removed on the way out."""
    raise KeyboardInterrupt


def _discard(stream: TextIO) -> None:
    """What is still to be written goes nowhere, also at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _is_output(error: Exception) -> bool:
    """Whether standard output could not be written: nothing else that is written has no name."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE


def _bug(error: Exception) -> Exception:
    from grocker.errors import BugError, StorageError

    if isinstance(error, OSError) and _is_output(error):
        return StorageError(f"writing to standard output: {error.strerror}", hint="redirect the output elsewhere")
    if isinstance(error, OSError) and error.filename is not None:
        return StorageError(f"{error.filename}: {error.strerror}")
    if isinstance(error, MemoryError) or "can't start new thread" in str(error):
        return StorageError(
            f"not enough memory or threads: {str(error) or 'out of memory'}",
            hint="raise the limit of the container or the shell (ulimit -v, ulimit -u), or end other programs",
        )
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" ({os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno})" if trace else ""
    return BugError(
        f"{type(error).__name__}: {error}{place}",
        hint="this is a bug in Grocker: run again with GROCKER_DEBUG=1 and report what it prints",
    )


def _show(error: Exception) -> int:
    from grocker.cli.terminal import Style, printable
    from grocker.errors import BugError, GrockerError

    if not isinstance(error, GrockerError):
        error = BugError(str(error))
    style = Style.of(sys.stderr, os.environ)
    sys.stderr.write(f"{style.red('error:')} {printable(error.message)}\n")
    if error.hint:
        sys.stderr.write(f"{style.dim('hint:')} {printable(error.hint)}\n")
    return error.status
