"""Checks ``TZ``: an unknown time zone is an error, where the C library would silently use UTC. Contract: X4."""

from __future__ import annotations

import os
import re

from ..base.failure import CONFIGURATION, Failure
from ..contract.names import TIME_ZONE_REMEDY

# tzset(3), POSIX.1 section 8.3: std offset [dst [offset] [, start [/time], end [/time]]].
_NAME = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)"
_OFFSET = r"[+-]?\d{1,3}(?::\d\d){0,2}"
_RULE = rf"(?:J\d{{1,3}}|\d{{1,3}}|M\d{{1,2}}\.\d\.\d)(?:/{_OFFSET})?"
_POSIX = rf"{_NAME}{_OFFSET}(?:{_NAME}(?:{_OFFSET})?(?:,{_RULE},{_RULE})?)?"


def check_time_zone(zone: str, zones: str) -> None:
    """Raise Failure (78) unless the C library understands ``zone``; ``zones``: the directory of the zone files."""
    name = zone.removeprefix(":")
    if not name or _is_zone_file(os.path.join(zones, name)):
        return
    if not zone.startswith(":") and re.fullmatch(_POSIX, name):
        return
    raise Failure(CONFIGURATION, f"TZ={zone}: unknown time zone; {TIME_ZONE_REMEDY}; or unset TZ for UTC")


def _is_zone_file(path: str) -> bool:
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return file.read(4) == b"TZif"
    except (OSError, ValueError):
        return False
