"""How the runner says that something is wrong: one line on stderr, and the exit statuses of X5 and E6."""

from __future__ import annotations

import os

USAGE = 64
PORT_TAKEN = 69
CANNOT_WRITE = 73
USER = 77
CONFIGURATION = 78
NOT_EXECUTABLE = 126
NOT_FOUND = 127
KILLED = 137


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


def say(message: str) -> None:
    """Writes ``grocker: MESSAGE`` to stderr, as one line whatever is in it; a closed stderr is no error."""
    line = "".join(c if c.isprintable() or "\udc80" <= c <= "\udcff" else ascii(c)[1:-1] for c in message)
    try:
        os.write(2, f"grocker: {line}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def warn(message: str) -> None:
    """As :func:`say`, marked as a warning."""
    say(f"warning: {message}")


def reason(error: OSError) -> str:
    """The system's own words for an error, without the path."""
    return os.strerror(error.errno) if error.errno else str(error)
