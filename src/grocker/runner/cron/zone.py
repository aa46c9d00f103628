"""The clock of a time zone: local minutes from minutes of UTC. Contract: K2, X4.

A zone is named as in ``TZ`` (tzset(3)): a file of the zone database, or a rule as ``CET-1CEST,M3.5.0,M10.5.0/3``.
"""

from __future__ import annotations

import io
import os
import struct
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ..base.failure import CONFIGURATION, Failure

_AMERICAN = ",M3.2.0,M11.1.0"  # what tzset(3) takes where a rule names summer time and does not say when
_STEP = 12 * 60  # minutes; offsets that are equal at both ends of this are equal between: no zone changes twice a day


class Zone:
    """``local(minute)``: the local minute that minute ``minute`` of UTC (since 1970) is."""

    __slots__ = ("_info", "name")

    def __init__(self, name: str, info: ZoneInfo | None) -> None:
        self.name = name
        self._info = info

    def local(self, minute: int) -> int:
        """Seconds of an offset, of before 1972, are cut off."""
        if self._info is None:
            return minute
        offset = datetime.fromtimestamp(minute * 60, self._info).utcoffset()
        assert offset is not None
        return minute + (offset.days * 86400 + offset.seconds) // 60

    def change(self, start: int, stop: int) -> int | None:
        """The first minute of UTC after ``start``, up to ``stop``, that has another offset; None when there is none."""
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


def load(name: str, zones: str) -> Zone:
    """The zone of that name, "" for UTC; ``zones``: the zone files' directory. Raises Failure (78)."""
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
            zone.local(int(datetime.now(UTC).timestamp()) // 60)
            return zone
        except (ValueError, OverflowError):
            continue
    raise Failure(CONFIGURATION, f"{name}: no such time zone: give a name as Europe/Paris")


def exists(name: str, zones: str) -> bool:
    """Whether :func:`load` finds it."""
    try:
        load(name, zones)
    except Failure:
        return False
    return True


def _file(rule: str) -> bytes:
    """A zone file (RFC 8536, version 2) that has no more in it than the rule."""
    header = struct.pack(">4sc15x6l", b"TZif", b"2", 0, 0, 0, 0, 1, 4)
    data = struct.pack(">lBB", 0, 0, 0) + b"UTC\0"
    return header + data + header + data + b"\n" + rule.encode("ascii", "replace") + b"\n"
