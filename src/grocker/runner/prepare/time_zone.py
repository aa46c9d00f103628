"""X4: ``TZ`` is honoured, and an unknown one is an error instead of UTC in silence."""

from __future__ import annotations

import os
import re

from ..base.failure import CONFIGURATION, Failure

# tzset(3), POSIX.1 section 8.3: std offset [dst [offset] [, start [/time], end [/time]]].
_NAME = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)"
_OFFSET = r"[+-]?\d{1,3}(?::\d\d){0,2}"
_RULE = rf"(?:J\d{{1,3}}|\d{{1,3}}|M\d{{1,2}}\.\d\.\d)(?:/{_OFFSET})?"
_POSIX = rf"{_NAME}{_OFFSET}(?:{_NAME}(?:{_OFFSET})?(?:,{_RULE},{_RULE})?)?"


def check(zone: str, zones: str) -> None:
    """Raises Failure (78) unless ``zone`` is what the C library understands; ``zones``: the zone files' directory."""
    name = zone.removeprefix(":")
    if not name or _is_zone_file(os.path.join(zones, name)):
        return
    if not zone.startswith(":") and re.fullmatch(_POSIX, name):
        return
    raise Failure(CONFIGURATION, f"TZ={zone}: no such time zone: give a name as Europe/Paris, or leave TZ out for UTC")


def _is_zone_file(path: str) -> bool:
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return file.read(4) == b"TZif"
    except (OSError, ValueError):
        return False
