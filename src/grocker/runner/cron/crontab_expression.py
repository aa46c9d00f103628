"""Parses the schedule of a crontab's line, and finds its times: five fields or a nickname. Contract: K2. Pure.

Times are local minutes: minutes since 1970-01-01 00:00 of the schedule's own time zone, as if it were UTC. Sources:
crontab(5) of Debian's cron 3.0pl1 and its ``entry.c``; what it silently ignores is an error here (docs/decisions/0060).
"""

from __future__ import annotations

from datetime import date

from ..base.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY = 1440  # minutes
_EPOCH = date(1970, 1, 1).toordinal()
_HORIZON = 50 * 366  # days without a time, after which a schedule has none; 29 February on a Monday takes 40 years
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

NICKNAMES = {
    "yearly": "0 0 1 1 *",
    "annually": "0 0 1 1 *",
    "monthly": "0 0 1 * *",
    "weekly": "0 0 * * 0",
    "daily": "0 0 * * *",
    "midnight": "0 0 * * *",
    "hourly": "0 * * * *",
}
"""Nickname (without @) → equivalent fields; ``@reboot`` has none."""


class ExpressionError(ValueError):
    """A field is invalid: one line, without the place in the file."""


class Expression(Value):
    """The fields as bit sets: minute 0–59, hour 0–23, day 1–31, month 1–12, weekday 0 (Sunday) – 6.

    ``both``: the day must match day of month *and* weekday (one of those fields begins with ``*``), else one of them is
    enough. ``wildcard``: minute or hour begins with ``*``: such jobs follow the clock when it is set, the others are
    fixed-time jobs (cron(8)).
    """

    minutes: int
    hours: int
    days: int
    months: int
    weekdays: int
    both: bool
    wildcard: bool


_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _WEEKDAYS),
)


def parse_fields(fields: Sequence[str]) -> Expression:
    """Parse five fields, without blanks. Raises ExpressionError, which names the field."""
    minutes, hours, days, months, weekdays = (_field(text, *field) for text, field in zip(fields, _FIELDS))
    if weekdays & 1 << 7:
        weekdays = weekdays & ~(1 << 7) | 1
    return Expression(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        both=fields[2].startswith("*") or fields[4].startswith("*"),
        wildcard=fields[0].startswith("*") or fields[1].startswith("*"),
    )


def _field(text: str, field: str, low: int, high: int, names: tuple[str, ...]) -> int:
    bits = 0
    for part in text.split(","):
        try:
            bits |= _range(part, low, high, names)
        except ExpressionError as error:
            raise ExpressionError(f"{field} {text!r}: {error}") from None
    return bits


def _range(part: str, low: int, high: int, names: tuple[str, ...]) -> int:
    if not part:
        raise ExpressionError("expected a value before and after each comma")
    span, slash, step_text = part.partition("/")
    step = 1
    if slash:
        if not _is_number(step_text) or int(step_text) == 0:
            raise ExpressionError(f"a step must be a number from 1, got {step_text!r}")
        step = int(step_text)
    first_text, dash, last_text = span.partition("-")
    if span == "*":
        first, last = low, high
    elif dash:
        first, last = _number(first_text, low, high, names), _number(last_text, low, high, names)
        if first > last:
            rest = "" if high == 7 and last == 0 else f",{low}" if last == low else f",{low}-{last}"
            raise ExpressionError(f"{span} runs backwards and would never match; write {first}-{high}{rest}")
    else:
        first = last = _number(first_text, low, high, names)
        if slash:
            raise ExpressionError(f"a step needs a range; write {first}-{high}/{step_text}")
    bits = 0
    for number in range(first, last + 1, step):
        bits |= 1 << number
    return bits


def _number(text: str, low: int, high: int, names: tuple[str, ...]) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + low
    if not _is_number(text):
        name = f" or a name such as {names[0]}" if names else ""
        raise ExpressionError(f"expected a number{name}, got {text!r}")
    number = int(text)
    if not low <= number <= high:
        raise ExpressionError(f"{number} is not in {low}-{high}")
    return number


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9


def matches(expression: Expression, local: int) -> bool:
    """Whether the schedule includes local minute ``local``."""
    return (
        bool(expression.minutes >> local % 60 & 1)
        and bool(expression.hours >> local // 60 % 24 & 1)
        and _matches_day(expression, date.fromordinal(local // DAY + _EPOCH))
    )


def due_expressions(expressions: Sequence[Expression], local: int) -> list[int]:
    """Return the indexes of the schedules that include local minute ``local``."""
    minute, hour = local % 60, local // 60 % 24
    day = date.fromordinal(local // DAY + _EPOCH)
    return [
        place
        for place, expression in enumerate(expressions)
        if expression.minutes >> minute & 1 and expression.hours >> hour & 1 and _matches_day(expression, day)
    ]


def _matches_day(expression: Expression, day: date) -> bool:
    if not expression.months >> day.month & 1:
        return False
    by_number = expression.days >> day.day & 1
    by_weekday = expression.weekdays >> day.isoweekday() % 7 & 1
    return bool(by_number & by_weekday if expression.both else by_number | by_weekday)


def first_from(expression: Expression, local: int) -> int | None:
    """Return the schedule's first local minute from ``local`` on; None if there is none in 50 years."""
    number, minute_of_day = divmod(local, DAY)
    hour, minute = divmod(minute_of_day, 60)
    last = number + _HORIZON
    while number <= last:
        day = date.fromordinal(number + _EPOCH)
        if not expression.months >> day.month & 1:
            following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
            number, hour, minute = following.toordinal() - _EPOCH, 0, 0
            continue
        if _matches_day(expression, day):
            found = _first_in_day(expression, hour, minute)
            if found is not None:
                return number * DAY + found
        number, hour, minute = number + 1, 0, 0
    return None


def _first_in_day(expression: Expression, hour: int, minute: int) -> int | None:
    """Return the first minute of a day from that time on."""
    if expression.hours >> hour & 1:
        rest = expression.minutes >> minute
        if rest:
            return hour * 60 + minute + _lowest(rest)
    rest = expression.hours >> hour + 1
    if not rest:
        return None
    return (hour + 1 + _lowest(rest)) * 60 + _lowest(expression.minutes)


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def count_times(expression: Expression, start: int, stop: int) -> int:
    """Return how many local minutes from ``start`` to before ``stop`` the schedule includes."""
    total = 0
    for number in range(start // DAY, -(-stop // DAY)):
        if not _matches_day(expression, date.fromordinal(number + _EPOCH)):
            continue
        begin, end = max(start - number * DAY, 0), min(stop - number * DAY, DAY)
        if begin == 0 and end == DAY:
            total += expression.hours.bit_count() * expression.minutes.bit_count()
            continue
        for hour in range(begin // 60, -(-end // 60)):
            if expression.hours >> hour & 1:
                low, high = max(begin - hour * 60, 0), min(end - hour * 60, 60)
                total += (expression.minutes >> low & (1 << high - low) - 1).bit_count()
    return total
