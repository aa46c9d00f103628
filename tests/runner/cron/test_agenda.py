"""A fake clock: two numbers, changed by hand."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grocker.runner.cron import crontab_expression
from grocker.runner.cron.agenda import Agenda, DueJobs
from tests.runner.cron.support import DebianCron, night_expressions, parsed, zone

HOUR = 3600.0


class World:
    """An agenda of one job a schedule, and its two clocks. ``log``: what was due, as local times of the first zone."""

    def __init__(self, schedules: dict[str, str], at: str, zone_name: str = "Europe/Paris") -> None:
        self.names = list(schedules)
        self.zone = zone(zone_name)
        self.clock = datetime.fromisoformat(at).timestamp()
        self.elapsed = 5000.0
        self.agenda = Agenda(
            [(None if text == "@reboot" else parsed(text), self.zone) for text in schedules.values()],
            self.clock,
            self.elapsed,
        )
        self.log: list[str] = []
        self.missed: dict[str, int] = {}
        self.turns: list[DueJobs] = []

    def look(self) -> DueJobs:
        turn = self.agenda.read_clocks(self.clock, self.elapsed)
        local = self.zone.local(int(self.clock // 60))
        self.log += [f"{self.names[place]} {local // 60 % 24:02}:{local % 60:02}" for place in turn.due]
        for place, number in turn.missed.items():
            self.missed[self.names[place]] = self.missed.get(self.names[place], 0) + number
        self.turns.append(turn)
        return turn

    def live(self, minutes: float, *, each: float = 15.0) -> None:
        """Time passes as it should, with a look every few seconds."""
        for _ in range(round(minutes * 60 / each)):
            self.clock += each
            self.elapsed += each
            self.look()

    def step(self, seconds: float) -> None:
        self.clock += seconds

    def pause(self, seconds: float) -> None:
        self.clock += seconds
        self.elapsed += seconds


SCHEDULES = {"fixed": "30 4 * * *", "wild": "*/30 * * * *", "hour": "0 5 * * *"}


def test_job_is_due_once_a_minute_however_often_the_clock_is_looked_at() -> None:
    world = World({"each": "* * * * *"}, "2026-06-01T04:00:00+02:00")
    world.live(3, each=1.0)
    assert world.log == ["each 04:01", "each 04:02", "each 04:03"]


def test_minute_in_which_the_scheduler_starts_is_over() -> None:
    world = World({"each": "* * * * *", "boot": "@reboot"}, "2026-06-01T04:00:20+02:00")
    assert world.agenda.at_start() == (1,)
    world.live(0.5)
    assert world.log == []


def test_wait_ends_with_the_minute() -> None:
    world = World({"each": "* * * * *"}, "2026-06-01T04:00:20+02:00")
    assert world.agenda.seconds_to_next(world.clock) == pytest.approx(40)
    assert world.agenda.seconds_to_next(world.clock + 40) == pytest.approx(60)


@pytest.mark.fault(number=23)
def test_clock_set_forward_by_an_hour_runs_what_it_skipped_once() -> None:
    world = World(SCHEDULES, "2026-06-01T04:10:05+02:00")
    world.live(5)
    world.step(HOUR)
    world.live(20)
    assert world.log == ["fixed 05:15", "hour 05:15", "wild 05:30"]
    assert world.missed == {}
    assert [turn.step for turn in world.turns if turn.step] == [pytest.approx(HOUR)]


@pytest.mark.fault(number=23)
def test_clock_set_forward_by_four_hours_counts_from_there() -> None:
    world = World(SCHEDULES, "2026-06-01T02:10:05+02:00")
    world.live(5)
    world.step(4 * HOUR)
    world.live(20)
    assert world.log == ["wild 06:30"]
    assert world.missed == {}


@pytest.mark.fault(number=23)
def test_clock_set_back_by_an_hour_runs_nothing_fixed_twice() -> None:
    world = World(SCHEDULES, "2026-06-01T04:20:05+02:00")
    world.live(30)
    world.step(-HOUR)
    world.live(100)
    assert world.log == [
        "fixed 04:30",
        "wild 04:30",
        "wild 04:00",
        "wild 04:30",
        "wild 05:00",
        "hour 05:00",
        "wild 05:30",
    ]


@pytest.mark.fault(number=23)
def test_clock_set_back_by_four_hours_counts_from_there() -> None:
    world = World(SCHEDULES, "2026-06-01T04:20:05+02:00")
    world.live(50)
    world.step(-4 * HOUR)
    world.live(225)
    assert [line for line in world.log if not line.startswith("wild")] == ["fixed 04:30", "hour 05:00", "fixed 04:30"]


def test_hour_back_and_forth_again_runs_nothing_fixed_twice() -> None:
    world = World(SCHEDULES, "2026-06-01T04:20:05+02:00")
    world.live(15)
    world.step(-HOUR)
    world.live(10)
    world.step(HOUR)
    world.live(60)
    fixed = [line for line in world.log if not line.startswith("wild")]
    assert fixed == ["fixed 04:30", "hour 05:00"]


@pytest.mark.fault(number=23)
@pytest.mark.parametrize("seconds", [-55.0, -20.0, -0.5, 0.5, 9.0])
def test_clock_that_is_kept_right_starts_nothing_twice_and_skips_nothing(seconds: float) -> None:
    world = World({"each": "* * * * *"}, "2026-06-01T04:00:30+02:00")
    world.live(2)
    world.step(seconds)
    world.live(3)
    assert len(world.log) == len(set(world.log))
    assert {f"each 04:0{minute}" for minute in (1, 2, 3, 4)} <= set(world.log)


@pytest.mark.fault(number=23)
def test_pause_of_eight_hours_is_counted_and_not_made_up_for() -> None:
    world = World(SCHEDULES, "2026-06-01T01:10:05+02:00")
    world.live(5)
    world.pause(8 * HOUR)
    world.live(20)
    assert world.missed == {"fixed": 1, "wild": 16, "hour": 1}
    assert world.log == ["wild 09:30"]
    assert [turn.passed for turn in world.turns if turn.passed] == [479]
    assert not [turn for turn in world.turns if turn.step]


def test_pause_that_ends_within_the_minute_starts_what_is_due_in_it() -> None:
    world = World({"each": "* * * * *"}, "2026-06-01T04:00:30+02:00")
    world.live(1)
    world.pause(130)
    world.look()
    assert world.log == ["each 04:01", "each 04:03"]
    assert world.missed == {"each": 1}


def test_pause_across_the_start_of_summer_time_is_counted_as_the_clock_would_have_run() -> None:
    world = World({"fixed": "30 2 * * *", "hourly": "0 * * * *"}, "2026-03-29T00:30:00+01:00")
    world.live(1)
    world.pause(4 * HOUR)
    world.live(5)
    assert world.missed == {"fixed": 1, "hourly": 4}
    assert world.log == []


def test_pause_with_a_changed_clock_is_both() -> None:
    world = World(SCHEDULES, "2026-06-01T01:10:05+02:00")
    world.live(5)
    world.pause(HOUR)  # 02:15
    world.step(2 * HOUR + 1200)  # 04:35
    world.live(1)
    assert world.missed == {"wild": 2}
    assert world.log == ["fixed 04:35"]


def test_pause_of_a_year_is_counted_in_a_moment() -> None:
    world = World({"each": "* * * * *", "daily": "0 0 * * *"}, "2026-06-01T01:10:05+02:00")
    world.pause(365 * 24 * HOUR)
    world.look()
    assert world.missed == {"each": 365 * 1440 - 1, "daily": 365}


def test_clock_of_a_machine_that_did_not_know_the_time_is_set_right() -> None:
    world = World({"each": "* * * * *", "daily": "0 0 * * *"}, "1970-01-01T00:00:10+00:00", "")
    world.live(2)
    world.step(56 * 365 * 24 * HOUR)
    world.live(2)
    assert world.log == [f"each 00:0{minute}" for minute in (1, 2, 2, 3, 4)]
    assert world.missed == {}


def test_zones_have_their_own_time() -> None:
    paris, tokyo = zone("Europe/Paris"), zone("Asia/Tokyo")
    begin = datetime.fromisoformat("2026-06-01T00:59:30+02:00").timestamp()
    agenda = Agenda(
        [(parsed("0 1 * * *"), paris), (parsed("0 8 * * *"), tokyo), (parsed("0 1 * * *"), tokyo)], begin, 0
    )
    assert agenda.read_clocks(begin + 40, 40).due == (0, 1)


def test_jobs_start_in_the_order_of_the_crontab() -> None:
    world = World({name: "0 * * * *" if name in "bd" else "0 5 * * *" for name in "abcde"}, "2026-06-01T04:59:50+02:00")
    assert world.look().due == ()
    world.live(0.5)
    assert sorted(world.log) == [f"{name} 05:00" for name in "abcde"]


def test_upcoming_follows_the_clock() -> None:
    world = World({"fixed": "30 4 * * *", "boot": "@reboot", "never": "0 0 31 2 *"}, "2026-06-01T04:20:00+02:00")
    expected = datetime.fromisoformat("2026-06-01T04:30:00+02:00").timestamp()
    assert world.agenda.upcoming(0) == expected
    assert world.agenda.upcoming(1) is None
    assert world.agenda.upcoming(2) is None
    world.live(11)
    assert world.agenda.upcoming(0) == expected + 24 * HOUR
    world.step(-HOUR)
    world.live(1)
    assert world.agenda.upcoming(0) == expected + 24 * HOUR


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("live"), st.integers(1, 90)),
        # Whole minutes: what a step of seconds means depends on when exactly Debian's cron wakes up.
        st.tuples(st.just("step"), st.integers(-300, 300).filter(lambda n: abs(n) > 1)),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(night_expressions(), MOVES, st.sampled_from(["Europe/Paris", "Australia/Lord_Howe", ""]))
def test_changed_clock_starts_what_debians_loop_starts(text: str, moves: list[tuple[str, int]], name: str) -> None:
    world = World({"job": text}, "2026-03-28T20:00:30+01:00", name)
    local = world.zone.local(int(world.clock // 60))
    cron = DebianCron(parsed(text), local, local)
    for move, amount in moves:
        for minutes in [1] * amount if move == "live" else [amount]:
            world.clock += minutes * 60
            world.elapsed += 60 if move == "live" else 0
            due = world.look().due
            queued = cron.wake(world.zone.local(int(world.clock // 60)))
            assert bool(due) == bool(queued)
    assert world.missed == {}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.01, 4000), min_size=1, max_size=40), night_expressions())
def test_nothing_is_started_twice_or_lost_when_nobody_changes_the_clock(pauses: list[float], text: str) -> None:
    world = World({"job": text}, "2026-06-01T00:00:00+00:00", "")
    first = int(world.clock // 60)
    for pause in pauses:
        world.pause(pause)
        world.look()
    due = crontab_expression.count_times(parsed(text), first + 1, int(world.clock // 60) + 1)
    assert len(world.log) + world.missed.get("job", 0) == due
    assert len(world.log) == len(set(world.log)) or len(pauses) > 20
