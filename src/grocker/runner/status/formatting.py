"""Formats times, sizes and exit statuses for people. Contract: H3. Pure, except for the container's time zone."""

from __future__ import annotations

import time

from ..process.signals import killing_signal

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def duration(seconds: float) -> str:
    """Format the two largest units: ``3 d 4 h``, ``12 min 5 s``, ``8 s``; below ten seconds ``0.35 s``."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.2g} s" if seconds >= 0.001 else "0 s"
    rest = round(seconds)
    for (unit, name), (lower, lower_name) in zip(_UNITS, _UNITS[1:]):
        if rest >= unit:
            less = rest % unit // lower
            return f"{rest // unit} {name} {less} {lower_name}" if less else f"{rest // unit} {name}"
    return f"{rest} s"


def rounded_duration(seconds: float) -> str:
    """Format one unit: ``3 d``, ``4 h``, ``12 min``, ``8 s``."""
    rest = max(0, round(seconds))
    unit, name = next(((unit, name) for unit, name in _UNITS if rest >= unit), _UNITS[-1])
    return f"{rest // unit} {name}"


def from_now(moment: float, now: float) -> str:
    """Format relatively: ``in 12 min``, ``8 s ago``, ``now``."""
    away = moment - now
    if abs(away) < 1:
        return "now"
    return f"in {rounded_duration(away)}" if away > 0 else f"{rounded_duration(-away)} ago"


def clock(moment: float, now: float) -> str:
    """Format ``20:15:00`` for today, else ``Mon 23 Nov 04:30``, with the year if it is another one."""
    at, today = time.localtime(moment), time.localtime(now)
    if at[:3] == today[:3]:
        return f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    year = f" {at.tm_year}" if at.tm_year != today.tm_year else ""
    return f"{_DAYS[at.tm_wday]} {at.tm_mday} {_MONTHS[at.tm_mon - 1]}{year} {at.tm_hour:02}:{at.tm_min:02}"


def date(moment: float) -> str:
    """Format day and time: ``Mon 23 Nov 2026 04:30:00``."""
    at = time.localtime(moment)
    day = f"{_DAYS[at.tm_wday]} {at.tm_mday} {_MONTHS[at.tm_mon - 1]} {at.tm_year}"
    return f"{day} {at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"


def timestamp(moment: float) -> str:
    """Format as RFC 3339, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def zone(now: float) -> str:
    """Return the container's time zone: ``UTC``, ``CET``."""
    return time.localtime(now).tm_zone


def size(number: float) -> str:
    """Format with three digits: ``182 MiB``."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1024
    return f"{number:.3g} TiB"


def count(number: int) -> str:
    """Format with narrow no-break spaces: ``12 345``."""
    return f"{number:,}".replace(",", "\u202f")


def exit_status(status: int) -> str:
    """Format as ``0``, ``3``, ``SIGKILL (137)``."""
    name = killing_signal(status)
    return f"{name} ({status})" if name is not None else str(status)
