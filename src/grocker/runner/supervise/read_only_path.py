"""Explains an application that stops because it cannot write beside its code. Contract: E15."""

from __future__ import annotations

import os

from ..base.value import TYPE_CHECKING
from ..contract.names import APPLICATION, MEDIA, VENV

if TYPE_CHECKING:
    from collections.abc import Sequence

_REFUSALS = ("[Errno 13] Permission denied: '", "[Errno 30] Read-only file system: '")
_DATABASE = ("unable to open database file", "attempt to write a readonly database")
_LINES = 20  # the last ones: some libraries add remarks below the exception


def explain(said: Sequence[str], directory: str) -> str:
    """Return what to do, to be appended to a message; empty if that is not why.

    ``said``: the last lines of the process, or the reason why it could not be loaded; ``directory``: where it started.
    """
    for line in reversed(said[-_LINES:]):
        for refusal in _REFUSALS:
            if refusal in line:
                return _remedy(os.path.normpath(os.path.join(directory, line.split(refusal)[1].partition("'")[0])))
        if any(words in line for words in _DATABASE):
            return "; if the database is beside the code, list its path in [tool.grocker] writable and build again"
    return ""


def _remedy(path: str) -> str:
    if path.startswith(f"{VENV}/"):
        return f"; installed packages are read-only: let the application write below {MEDIA}"
    if not path.startswith(f"{APPLICATION}/"):
        return ""
    inner = path[len(APPLICATION) + 1 :]
    parent, name = os.path.split(inner)
    ending = os.path.splitext(name)[1]
    directory = inner if not ending or ending in (".db", ".sqlite", ".sqlite3") else parent
    if not directory:
        return f"; {APPLICATION} is read-only: let the application write {name} below {MEDIA}"
    return f'; {APPLICATION} is read-only: set [tool.grocker] writable = ["{directory}"] and build again'
