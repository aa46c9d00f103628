"""Time zones: local minutes from minutes of UTC. Contract: K2, X4.

A zone is named as in ``TZ`` (tzset(3)): a file of the zone database, or a rule such as ``CET-1CEST,M3.5.0,M10.5.0/3``.
"""

from __future__ import annotations

import io
import os
import struct
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from ..base.failure import CONFIGURATION, Failure
from ..contract.names import TIME_ZONE_REMEDY

_AMERICAN = ",M3.2.0,M11.1.0"  # tzset(3)'s default for a rule with summer time but without its dates
_STEP = 12 * 60  # minutes; no zone changes twice a day, so equal offsets at both ends are equal in between


class Zone:
    """A time zone. Minutes are since 1970."""

    __slots__ = ("_info", "name")

    def __init__(self, name: str, info: ZoneInfo | None) -> None:
        self.name = name
        self._info = info

    def local(self, minute: int) -> int:
        """Return the local minute of a minute of UTC; seconds of an offset (before 1972) are cut off."""
        if self._info is None:
            return minute
        offset = datetime.fromtimestamp(minute * 60, self._info).utcoffset()
        assert offset is not None
        return minute + (offset.days * 86400 + offset.seconds) // 60

    def change(self, start: int, stop: int) -> int | None:
        """Return the first minute of UTC after ``start``, up to ``stop``, with another offset, or None."""
        if self._info is None:
            return None
        offset = self.local(start) - start
        end = start
        while self.local(end) - end == offset:
            if end >= stop:
                return None
            start, end = end, min(end + _STEP, stop)
        same, other = start, end
        while other - same > 1:
            middle = (same + other) // 2
            if self.local(middle) - middle == offset:
                same = middle
            else:
                other = middle
        return other


def load_zone(name: str, zones: str) -> Zone:
    """Return the zone of that name, "" for UTC; ``zones``: the directory of the zone files. Raises Failure (78)."""
    plain = name.removeprefix(":")
    if not plain:
        return Zone("UTC", None)
    try:
        with open(os.path.join(zones, plain), "rb") as file:
            return Zone(plain, ZoneInfo.from_file(file))
    except (OSError, ValueError):
        pass
    for rule in (plain, plain + _AMERICAN):
        try:
            zone = Zone(plain, ZoneInfo.from_file(io.BytesIO(_file(rule))))
            zone.local(int(datetime.now(timezone.utc).timestamp()) // 60)
            return zone
        except (ValueError, OverflowError):
            continue
    raise Failure(CONFIGURATION, f"{name}: unknown time zone; {TIME_ZONE_REMEDY}")


def is_zone(name: str, zones: str) -> bool:
    """Whether :func:`load_zone` finds it."""
    try:
        load_zone(name, zones)
    except Failure:
        return False
    return True


def _file(rule: str) -> bytes:
    """Return a zone file (RFC 8536, version 2) that contains only the rule."""
    header = struct.pack(">4sc15x6l", b"TZif", b"2", 0, 0, 0, 0, 1, 4)
    data = struct.pack(">lBB", 0, 0, 0) + b"UTC\0"
    return header + data + header + data + b"\n" + rule.encode("ascii", "replace") + b"\n"
