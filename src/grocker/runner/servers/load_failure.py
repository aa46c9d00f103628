"""Why the application could not be loaded, handed from the server's processes to the runner. Contract: E1, H1, H4.

Servers call :func:`report` in the application's interpreter, where each worker and each attempt fails in the same way:
the traceback is printed once. The runner reads the reason when the server has exited. Imports only what both have.
"""

from __future__ import annotations

import os
import sys
import time

from ..base.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_FILE = "load-failure"
_LONGEST = 500  # characters of a message
_SERVERS = frozenset({"gunicorn", "uvicorn", "granian"})


class LoadFailure(Value):
    """``summary``: the exception's type and place, for everyone; ``reason``: with its message, for the log."""

    summary: str
    reason: str


def report(directory: str, error: BaseException | str) -> str:
    """Record why the application cannot be loaded, and print the traceback if it has not been printed yet.

    ``directory``: the runner's; ``error``: text when the application gives no exception. Returns the reason.
    """
    import fcntl

    summary, reason = _describe(error) if isinstance(error, BaseException) else ("no exception", _one_line(error))
    try:
        descriptor = os.open(f"{directory}/{_FILE}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        _print(error)
        return reason
    with open(descriptor, "r+", encoding="utf-8", errors="backslashreplace", newline="") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            printed = file.read().split("\n")[1:] == [summary, reason]
            if not printed:
                _print(error)
            file.seek(0)
            file.write(f"{time.monotonic()}\n{summary}\n{reason}")
            file.truncate()
        except OSError:
            _print(error)
    return reason


def read(directory: str, since: float) -> LoadFailure | None:
    """Return what was reported at ``since`` (monotonic) or later, in this start of the container."""
    try:
        with open(f"{directory}/{_FILE}", encoding="utf-8", errors="replace", newline="") as file:
            moment, summary, reason = file.read().split("\n")
        if float(moment) < since:
            return None
    except (OSError, ValueError):
        return None
    return LoadFailure(summary=summary, reason=reason)


def _print(error: BaseException | str) -> None:
    if isinstance(error, BaseException):
        import traceback

        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    else:
        text = f"{error}\n"
    # In one write, so that lines of the server's other processes do not come between these.
    sys.stderr.write(text)
    sys.stderr.flush()


def _describe(error: BaseException) -> tuple[str, str]:
    kind = type(error)
    name = (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )
    if isinstance(error, SyntaxError):
        message, place = error.msg, f"{_short(error.filename or '?')}:{error.lineno}"
    else:
        message, place = str(error), _place(error.__traceback__)
    behind = f" ({place})" if place else ""
    message = _one_line(message)
    return f"{name}{behind}", f"{name}: {message}{behind}" if message else f"{name}{behind}"


def _place(trace: TracebackType | None) -> str:
    """Return file and line of the innermost frame that is neither the standard library's nor a server's."""
    standard = os.path.dirname(os.__file__) + os.sep
    own = os.path.dirname(os.path.abspath(__file__)) + os.sep
    place = ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        inside = file.removeprefix(standard)
        library = inside != file and not inside.startswith(("site-packages", "dist-packages"))
        if not library and not file.startswith((own, "<frozen")) and _short(file).split(os.sep)[0] not in _SERVERS:
            place = f"{_short(file)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _short(file: str) -> str:
    """Return a path relative to the entry of ``sys.path`` that it was imported from."""
    found = [entry for entry in sys.path if entry and file.startswith(entry.rstrip(os.sep) + os.sep)]
    return file[len(max(found, key=len).rstrip(os.sep)) + 1 :] if found else file


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} [cut]"
