"""Checks a crontab at build time, exactly as ``cron`` will read it in the container. Contract: K1, K2."""

from __future__ import annotations

from ..base.failure import Failure
from ..base.value import TYPE_CHECKING
from ..contract.spec import FOREIGN_USERS, SpecError
from . import crontab_file

if TYPE_CHECKING:
    from collections.abc import Iterable


def validate_crontab(data: bytes, path: str, user: str, commands: Iterable[str]) -> None:
    """Raise SpecError, with path and line, for a crontab that ``cron`` would refuse in a container.

    ``user``: the container's; ``commands``: the application's. Time zones are checked in the container only.
    """
    try:
        crontab_file.parse(data, path, users=(FOREIGN_USERS | {user}) - set(commands))
    except Failure as failure:
        raise SpecError(failure.message) from None
