"""The layer of the virtual environment's frame (PEP 405) and the lock."""

from __future__ import annotations

from grocker.python import InstallScheme
from grocker.runner.contract import names
from grocker.tar.entry import Entry, File


def entries(python: str, lock_text: str) -> tuple[Entry, ...]:
    """Return the files; ``python`` is the release series, ``3.13``."""
    return (*InstallScheme(python).frame, File(names.LOCK.removeprefix("/"), lock_text.encode()))
