"""How the runner says that something is wrong: one line on stderr, and the exit statuses of X5 and E6."""

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
KILLED = 137

OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})
"""Errors that say that no more files may be open."""


class Failure(Exception):
    """The runner gives up: ``status`` is the container's exit status, ``message`` one line with what to do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Asked(Exception):
    """A signal asked to stop before anything was started."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


_listener: Callable[[str, bool], None] | None = None
_unheard: list[tuple[str, bool]] = []
_UNHEARD = 100  # messages


def listen(listener: Callable[[str, bool], None] | None) -> Sequence[tuple[str, bool]]:
    """From now on messages, and whether they are warnings, go to ``listener`` instead of stderr; None: to stderr again.

    Returns those that were on stderr already, as far as they were kept.
    """
    global _listener  # noqa: PLW0603 - the process has one stderr
    _listener = listener
    unheard = tuple(_unheard)
    _unheard.clear()
    return unheard


def say(message: str) -> None:
    """``grocker: MESSAGE`` on stderr, as one line whatever is in it; a closed stderr is no error."""
    _say(message, warning=False)


def warn(message: str) -> None:
    """As :func:`say`, marked as a warning."""
    _say(message, warning=True)


def _say(message: str, *, warning: bool) -> None:
    line = "".join(c if c.isprintable() or "\udc80" <= c <= "\udcff" else ascii(c)[1:-1] for c in message)
    if _listener is not None:
        _listener(line, warning)
        return
    if len(_unheard) < _UNHEARD:
        _unheard.append((line, warning))
    try:
        os.write(2, f"grocker: {'warning: ' if warning else ''}{line}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def reason(error: OSError) -> str:
    """The system's own words for an error, without the path."""
    return os.strerror(error.errno) if error.errno else str(error)
