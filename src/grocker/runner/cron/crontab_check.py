"""Checks a crontab at build time, exactly as ``cron`` will read it in the container. Contract: K1, K2."""

from __future__ import annotations

from ..base.failure import Failure
from ..base.value import TYPE_CHECKING
from ..contract.spec import FOREIGN_USERS, SpecError
from . import crontab_file
from .zone import is_zone

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


def is_known_zone(name: str, zones: Collection[str]) -> bool:
    """Whether a container whose zone files are named ``zones`` knows that zone: a file, or a rule (tzset(3))."""
    return name.removeprefix(":") in zones or is_zone(name, "/nonexistent")


def validate_crontab(
    data: bytes, path: str, user: str, commands: Iterable[str], zones: Collection[str] | None = None
) -> None:
    """Raise SpecError, with path and line, for a crontab that ``cron`` would refuse in a container.

    ``user``: the container's; ``commands``: the application's. ``zones``: names of the image's zone files; None while
    they are not known.
    """
    try:
        crontab_file.parse(
            data,
            path,
            users=(FOREIGN_USERS | {user}) - set(commands),
            is_zone=lambda name: zones is None or is_known_zone(name, zones),
        )
    except Failure as failure:
        raise SpecError(failure.message) from None
