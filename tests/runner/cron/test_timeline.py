from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grocker.runner.base.failure import Failure
from grocker.runner.cron import crontab_expression
from grocker.runner.cron import zone as cron_zone
from grocker.runner.cron.timeline import Timeline
from tests.runner.cron.support import ZONES, DebianCron, expressions, night_expressions, parsed, zone

# An hour, half an hour, at midnight, at a quarter to three, on other dates each year, none.
SIX = (
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Pacific/Chatham",
    "Africa/Casablanca",
)
OFF_THE_HOUR = ("Australia/Lord_Howe", "America/Santiago", "Pacific/Chatham")
FROM, TO = 2026, 2029


def minute(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) // 60


@cache
def transitions() -> tuple[tuple[str, int], ...]:
    """Every change of the six zones in these years: zone and first minute of UTC with the new offset."""
    found = []
    for name in SIX:
        clock = zone(name)
        at, end = minute(f"{FROM}-01-01T00:00+00:00"), minute(f"{TO}-01-01T00:00+00:00")
        while (change := clock.change(at, end)) is not None:
            found.append((name, change))
            at = change
    return tuple(found)


def started(text: str, name: str, start: int, minutes: int) -> list[int]:
    """The minutes of UTC after ``start`` in which our scheduler starts the job, one look a minute."""
    expression = parsed(text)
    timeline = Timeline(zone(name), start)
    hits = []
    for at in range(start + 1, start + 1 + minutes):
        for span in timeline.advance(at):
            if span.wildcard if expression.wildcard else span.fixed:
                hits += [at] * crontab_expression.count_times(expression, span.start, span.stop)
    return list(dict.fromkeys(hits))


def judged(text: str, name: str, start: int, minutes: int) -> list[int]:
    """The same of cronsim."""
    moments = CronSim(text, datetime.fromtimestamp(start * 60, UTC).astimezone(ZoneInfo(name)))
    hits = []
    for moment in moments:
        at = int(moment.timestamp()) // 60
        if at > start + minutes:
            break
        hits.append(at)
    return hits


def misjudged(text: str, name: str) -> bool:
    """Where a change is not on the hour, or at midnight, cronsim 2.8 looks for wildcard jobs in steps across it: it
    finds minutes that do not exist, and passes over some that do. Debian's own loop is the judge of those.
    """
    return parsed(text).wildcard and name in OFF_THE_HOUR


def debian(text: str, name: str, start: int, minutes: int) -> list[int]:
    """The same of the loop of Debian's cron; a job that it starts for each of several skipped minutes is there once."""
    clock = zone(name)
    cron = DebianCron(parsed(text), clock.local(start), clock.local(start))
    return [at for at in range(start + 1, start + 1 + minutes) if cron.wake(clock.local(at))]


def test_six_zones_have_transitions_of_every_kind() -> None:
    sizes = {(name, zone(name).local(at) - at - zone(name).local(at - 1) + at - 1) for name, at in transitions()}
    assert {("Australia/Lord_Howe", 30), ("Australia/Lord_Howe", -30), ("Europe/Paris", 60)} <= sizes
    assert len({name for name, _ in transitions()}) == 6
    assert len(transitions()) >= 30  # which are in these years is for governments and the host's tzdata to say


@pytest.mark.slow
@pytest.mark.fault(number=23)
@settings(max_examples=60, deadline=None)
@given(st.data(), night_expressions(), st.integers(1, 300))
def test_instants_are_those_of_cronsim_when_the_clock_changes(data: st.DataObject, text: str, before: int) -> None:
    name, change = data.draw(st.sampled_from(transitions()))
    start = change - before
    assume(not misjudged(text, name))
    assert started(text, name, start, 700) == judged(text, name, start, 700)


@pytest.mark.fault(number=23)
@pytest.mark.slow
@pytest.mark.parametrize(("name", "change"), transitions())
@settings(max_examples=60, deadline=None)
@given(text=night_expressions(), before=st.integers(1, 400))
def test_instants_are_those_of_both_judges_at_every_change_of_six_zones(
    name: str, change: int, text: str, before: int
) -> None:
    found = started(text, name, change - before, 800)
    assert found == debian(text, name, change - before, 800)
    assert misjudged(text, name) or found == judged(text, name, change - before, 800)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data(), night_expressions(), st.integers(1, 300))
def test_instants_are_those_of_debians_loop_when_the_clock_changes(data: st.DataObject, text: str, before: int) -> None:
    name, change = data.draw(st.sampled_from(transitions()))
    assert started(text, name, change - before, 700) == debian(text, name, change - before, 700)


@settings(max_examples=40, deadline=None)
@given(st.data(), night_expressions(), st.integers(1, 300))
def test_upcoming_tells_what_will_be_started(data: st.DataObject, text: str, before: int) -> None:
    name, change = data.draw(st.sampled_from(transitions()))
    start = change - before
    timeline, expression = Timeline(zone(name), start), parsed(text)
    hits = started(text, name, start, 700)
    at = start
    for hit in hits[:20]:
        assert timeline.upcoming(expression, at) == hit
        while at < hit:
            at += 1
            timeline.advance(at)
    if len(hits) <= 20:
        later = timeline.upcoming(expression, at)
        assert later is None or later > start + 700


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(expressions(), st.sampled_from(SIX), st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)))
def test_upcoming_is_that_of_cronsim_when_the_schedule_is_rare(text: str, name: str, now: datetime) -> None:
    start = int(now.replace(tzinfo=UTC).timestamp()) // 60
    assume(not misjudged(text, name))
    found = Timeline(zone(name), start).upcoming(parsed(text), start)
    try:
        wanted = next(CronSim(text, datetime.fromtimestamp(start * 60, UTC).astimezone(ZoneInfo(name))))
    except (CronSimError, StopIteration):
        assert found is None
    else:
        assert found == int(wanted.timestamp()) // 60


@pytest.mark.fault(number=23)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 2 * * *", ["03:00"]),
        ("0,30 2 * * *", ["03:00"]),
        ("0 3 * * *", ["03:00"]),
        ("15 * * * *", ["01:15", "03:15", "04:15"]),
        ("*/30 2 * * *", []),
        ("*/30 1-3 * * *", ["01:00", "01:30", "03:00", "03:30"]),
    ],
)
def test_fixed_time_job_runs_once_when_its_time_is_skipped(text: str, expected: list[str]) -> None:
    assert _local_times(text, "2026-03-29T00:59+01:00", 180) == expected


@pytest.mark.fault(number=23)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 2 * * *", ["02:30"]),
        ("0 3 * * *", ["03:00"]),
        ("30 * * * *", ["01:30", "02:30", "02:30", "03:30"]),
        ("*/30 2 * * *", ["02:00", "02:30", "02:00", "02:30"]),
        ("0,30 2 * * *", ["02:00", "02:30"]),
    ],
)
def test_fixed_time_job_runs_once_when_its_time_comes_twice(text: str, expected: list[str]) -> None:
    assert _local_times(text, "2026-10-25T00:59+02:00", 240) == expected


def _local_times(text: str, start: str, minutes: int) -> list[str]:
    paris = ZoneInfo("Europe/Paris")
    hits = started(text, "Europe/Paris", minute(start), minutes)
    return [datetime.fromtimestamp(at * 60, paris).strftime("%H:%M") for at in hits]


def test_day_that_a_zone_left_out_is_left_out() -> None:
    # Samoa went to the other side of the date line: there was no 30 December 2011.
    start = minute("2011-12-29T20:00+00:00")
    hits = started("0 12 * * *", "Pacific/Apia", start, 2880)
    apia = [datetime.fromtimestamp(at * 60, ZoneInfo("Pacific/Apia")).strftime("%d %H:%M") for at in hits]
    assert apia == ["29 12:00", "31 12:00"]


def test_pause_is_counted_as_the_clock_would_have_run() -> None:
    timeline = Timeline(zone("Europe/Paris"), minute("2026-03-29T00:00+01:00"))
    spans = timeline.pass_over(minute("2026-03-29T00:01+01:00"), minute("2026-03-29T05:59+02:00"))
    counted = {
        text: sum(
            crontab_expression.count_times(parsed(text), span.start, span.stop)
            for span in spans
            if (span.wildcard if parsed(text).wildcard else span.fixed)
        )
        for text in ("30 2 * * *", "30 * * * *", "30 1-3 * * *", "0 6 * * *")
    }
    assert counted == {"30 2 * * *": 1, "30 * * * *": 5, "30 1-3 * * *": 3, "0 6 * * *": 0}


@pytest.mark.parametrize(
    ("name", "at", "offset"),
    [
        ("", "2026-07-01T00:00+00:00", 0),
        ("Europe/Paris", "2026-07-01T00:00+00:00", 120),
        (":Europe/Paris", "2026-01-01T00:00+00:00", 60),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-07-01T00:00+00:00", 120),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-12-01T00:00+00:00", 60),
        ("CST6CDT", "2026-07-01T00:00+00:00", -300),
        ("XST6XDT", "2026-07-01T00:00+00:00", -300),
        ("<+0330>-3:30", "2026-07-01T00:00+00:00", 210),
    ],
)
def test_zone_is_what_the_c_library_takes(name: str, at: str, offset: int) -> None:
    assert zone(name).local(minute(at)) - minute(at) == offset


@pytest.mark.parametrize(
    "name", ["Mars/Base", "../../../../etc/passwd", "/dev/null", "Europe", "X", "UTC+", "a\0b", "ü"]
)
def test_zone_is_refused_when_there_is_none(name: str) -> None:
    with pytest.raises(Failure):
        cron_zone.load_zone(name, ZONES)


def test_zone_changes_are_found_where_they_are() -> None:
    clock = zone("Europe/Paris")
    start = minute("2026-01-01T00:00+00:00")
    assert clock.change(start, start + 200 * 1440) == minute("2026-03-29T01:00+00:00")
    assert clock.change(start, start + 10 * 1440) is None
    assert clock.change(minute("2026-03-29T00:59+00:00"), minute("2026-03-29T01:00+00:00")) is not None
    assert clock.change(minute("2026-03-29T01:00+00:00"), minute("2026-03-30T01:00+00:00")) is None
