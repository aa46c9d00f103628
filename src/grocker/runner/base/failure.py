"""How the runner reports what is wrong: one line on stderr, and the exit statuses. Contract: E6, X5."""

from __future__ import annotations

import errno
import os

from .value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

USAGE = 64
PORT_TAKEN = 69
CANNOT_WRITE = 73
USER = 77
CONFIGURATION = 78
NOT_EXECUTABLE = 126
NOT_FOUND = 127
SIGNALLED = 128
"""Plus the signal's number, as shells do."""
KILLED = 137

TOO_MANY_FILES = frozenset({errno.EMFILE, errno.ENFILE})
"""Errors that mean that no more files can be opened."""


class Failure(Exception):
    """The runner gives up: ``status`` is the container's exit status, ``message`` one line with the remedy."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class StopRequested(Exception):
    """A signal asked the runner to stop before it had started anything."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


_listener: Callable[[str, bool], None] | None = None
_early: list[tuple[str, bool]] = []
_EARLY_MOST = 100  # messages


def set_listener(listener: Callable[[str, bool], None] | None) -> Sequence[tuple[str, bool]]:
    """Send messages, each with whether it is a warning, to ``listener`` instead of stderr; None: to stderr again.

    Returns the messages that went to stderr before there was a listener, up to a limit.
    """
    global _listener  # noqa: PLW0603 - the process has one stderr
    _listener = listener
    early = tuple(_early)
    _early.clear()
    return early


def say(message: str) -> None:
    """Write ``grocker: MESSAGE`` to stderr, always as one line; a closed stderr is no error."""
    _say(message, warning=False)


def warn(message: str) -> None:
    """Like :func:`say`, marked as a warning."""
    _say(message, warning=True)


def _say(message: str, *, warning: bool) -> None:
    line = "".join(c if c.isprintable() or "\udc80" <= c <= "\udcff" else ascii(c)[1:-1] for c in message)
    if _listener is not None:
        _listener(line, warning)
        return
    if len(_early) < _EARLY_MOST:
        _early.append((line, warning))
    try:
        os.write(2, f"grocker: {'warning: ' if warning else ''}{line}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def reason(error: OSError) -> str:
    """Return the system's own description of an error, without the path."""
    return os.strerror(error.errno) if error.errno else str(error)
