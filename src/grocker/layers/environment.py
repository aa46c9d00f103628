"""The layer of the virtual environment's frame (PEP 405) and the lock."""

from __future__ import annotations

from grocker.python import InstallScheme
from grocker.runner.contract import names
from grocker.tar.entry import Entry, File


def entries(scheme: InstallScheme, lock_text: str, *, sees_system: bool = False) -> tuple[Entry, ...]:
    """Return the files of the environment that ``scheme`` describes. ``sees_system``: see ``InstallScheme.frame``."""
    return (*scheme.frame(sees_system=sees_system), File(names.LOCK.removeprefix("/"), lock_text.encode()))
