from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grocker.runner.cron import crontab_expression
from grocker.runner.cron.crontab_expression import DAY, Expression, ExpressionError

YEAR_2026 = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) // 60


def parsed(text: str) -> Expression:
    return crontab_expression.parse_fields(text.split())


def numbers(bits: int) -> list[int]:
    return [number for number in range(bits.bit_length()) if bits >> number & 1]


def local(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 60


def shown(minute: int | None) -> str | None:
    return None if minute is None else datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("*", list(range(60))),
        ("*/20", [0, 20, 40]),
        ("*/100", [0]),
        ("5", [5]),
        ("00005", [5]),
        ("8-11", [8, 9, 10, 11]),
        ("1-9/2", [1, 3, 5, 7, 9]),
        ("1,2,5,9", [1, 2, 5, 9]),
        ("0-4,8-12", [0, 1, 2, 3, 4, 8, 9, 10, 11, 12]),
        ("0-59/25,7", [0, 7, 25, 50]),
        ("7-7", [7]),
    ],
)
def test_field_has_numbers_ranges_steps_and_lists(field: str, expected: list[int]) -> None:
    assert numbers(parsed(f"{field} * * * *").minutes) == expected


def test_field_has_names_in_any_case() -> None:
    found = parsed("0 0 * JAN,mar-May Mon-fri")
    assert numbers(found.months) == [1, 3, 4, 5]
    assert numbers(found.weekdays) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("field", ["0", "7", "sun", "0,7"])
def test_sunday_is_0_and_7(field: str) -> None:
    assert numbers(parsed(f"0 0 * * {field}").weekdays) == [0]


def test_sunday_ends_a_week_when_it_is_7() -> None:
    assert numbers(parsed("0 0 * * 5-7").weekdays) == [0, 5, 6]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("60 * * * *", "minute '60': 60 is not in 0-59"),
        ("* 24 * * *", "hour '24': 24 is not in 0-23"),
        ("* * 0 * *", "day of month '0': 0 is not in 1-31"),
        ("* * * 13 *", "month '13': 13 is not in 1-12"),
        ("* * * * 8", "day of week '8': 8 is not in 0-7"),
        ("5-64/30 * * * *", "64 is not in 0-59"),
        ("1/20 * * * *", "a step needs a range; write 1-59/20"),
        ("*/0 * * * *", "a step must be a number from 1, got '0'"),
        ("*/ * * * *", "a step must be a number from 1, got ''"),
        ("*/-1 * * * *", "a step must be a number from 1, got '-1'"),
        ("1, * * * *", "expected a value before and after each comma"),
        (",1 * * * *", "expected a value before and after each comma"),
        ("-5 * * * *", "expected a number, got ''"),
        ("5- * * * *", "expected a number, got ''"),
        ("*5 * * * *", "expected a number, got '*5'"),
        ("1-5;x * * * *", "expected a number, got '5;x'"),
        ("٣ * * * *", "expected a number, got '٣'"),
        ("? * * * *", "expected a number, got '?'"),
        ("* * * * monday", "expected a number or a name such as sun, got 'monday'"),
        ("mon * * * *", "expected a number, got 'mon'"),
        ("9999999999 * * * *", "expected a number"),
        ("* 22-6 * * *", "22-6 runs backwards and would never match; write 22-23,0-6"),
        ("* * * nov-jan *", "nov-jan runs backwards and would never match; write 11-12,1"),
        ("* * * * fri-sun", "fri-sun runs backwards and would never match; write 5-7"),
    ],
)
def test_field_is_refused_when_it_is_not_understood(fields: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parsed(fields)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("nickname", "first"),
    [
        ("yearly", "2027-01-01 00:00"),
        ("annually", "2027-01-01 00:00"),
        ("monthly", "2026-03-01 00:00"),
        ("weekly", "2026-02-08 00:00"),
        ("daily", "2026-02-03 00:00"),
        ("midnight", "2026-02-03 00:00"),
        ("hourly", "2026-02-02 12:00"),
    ],
)
def test_nickname_means_what_the_manual_says(nickname: str, first: str) -> None:
    expression = parsed(crontab_expression.NICKNAMES[nickname])
    assert shown(crontab_expression.first_from(expression, local("2026-02-02 11:05"))) == first
    assert expression.wildcard == (nickname == "hourly")


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        # crontab(5): 30 4 1,15 * 5 is the 1st and 15th, plus every Friday.
        ("30 4 1,15 * 5", [1, 2, 9, 15, 16, 23, 30]),
        ("30 4 1,15 * *", [1, 15]),
        ("30 4 * * 5", [2, 9, 16, 23, 30]),
        # A field that begins with * counts as one, whatever follows: then both must match.
        ("30 4 */2 * 5", [9, 23]),
        ("30 4 1,2 * */5", [2]),
        ("30 4 1-31 * 5", list(range(1, 32))),
    ],
)
def test_days_combine_as_in_debian(fields: str, days: list[int]) -> None:
    expression = parsed(fields)
    month = [day for day in range(1, 32) if crontab_expression.matches(expression, local(f"2026-01-{day:02} 04:30"))]
    assert month == days


@pytest.mark.parametrize(
    ("fields", "wildcard"),
    [
        ("* 5 * * *", True),
        ("5 * * * *", True),
        ("*/5 5 * * *", True),
        ("5,* 5 * * *", False),
        ("0-59 0-23 * * *", False),
    ],
)
def test_job_has_a_wildcard_when_minute_or_hour_begins_with_a_star(fields: str, wildcard: bool) -> None:
    assert parsed(fields).wildcard is wildcard


@pytest.mark.parametrize(
    ("fields", "start", "first"),
    [
        ("0 0 29 2 *", "2026-01-01 00:00", "2028-02-29 00:00"),
        ("0 0 29 2 *", "2096-03-01 00:00", "2104-02-29 00:00"),
        ("0 0 */29 2 mon", "2026-01-01 00:00", "2027-02-01 00:00"),
        ("0 0 31 2 *", "2026-01-01 00:00", None),
        ("59 23 31 12 *", "2026-12-31 23:59", "2026-12-31 23:59"),
        ("59 23 31 12 *", "2027-01-01 00:00", "2027-12-31 23:59"),
        ("10 5 * * *", "2026-06-01 05:11", "2026-06-02 05:10"),
        ("10 5,7 * * *", "2026-06-01 05:11", "2026-06-01 07:10"),
    ],
)
def test_first_from_finds_the_day(fields: str, start: str, first: str | None) -> None:
    assert shown(crontab_expression.first_from(parsed(fields), local(start))) == first


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    step = st.one_of(st.just(""), st.integers(1, high).map(lambda n: f"/{n}"))
    span = st.tuples(number, number).map(sorted).flatmap(lambda p: step.map(lambda s: f"{p[0]}-{p[1]}{s}"))
    star = step.map(lambda s: f"*{s}")
    part = st.one_of(number.map(str), span)
    return st.one_of(star, star, st.lists(part, min_size=1, max_size=3).map(",".join))


def expressions() -> st.SearchStrategy[str]:
    return st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(expressions(), st.integers(YEAR_2026, YEAR_2026 + 366 * DAY), st.integers(0, 2 * DAY))
def test_first_from_and_count_agree_with_matching_each_minute(text: str, start: int, length: int) -> None:
    expression = parsed(text)
    hits = [minute for minute in range(start, start + length) if crontab_expression.matches(expression, minute)]
    assert crontab_expression.count_times(expression, start, start + length) == len(hits)
    first = crontab_expression.first_from(expression, start)
    if hits:
        assert first == hits[0]
    else:
        assert first is None or first >= start + length


@settings(max_examples=100, deadline=None)
@given(expressions(), st.integers(0, 200 * 366))
def test_day_matches_by_the_calendar(text: str, number: int) -> None:
    expression = parsed(text)
    day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=number)
    minutes = [m for m in range(number * DAY, number * DAY + DAY, 11) if crontab_expression.matches(expression, m)]
    by_number = bool(expression.days >> day.day & 1)
    weekday = (calendar.weekday(day.year, day.month, day.day) + 1) % 7
    by_weekday = bool(expression.weekdays >> weekday & 1)
    fields = text.split()
    either = by_number or by_weekday
    both = by_number and by_weekday
    starred = fields[2].startswith("*") or fields[4].startswith("*")
    if minutes:
        assert expression.months >> day.month & 1
        assert both if starred else either
