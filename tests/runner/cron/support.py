"""What the tests of the scheduler's clock share: expressions for Hypothesis, zones, the loop of Debian's cron."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from zoneinfo import TZPATH

import pytest
from hypothesis import strategies as st

from grocker.runner.cron import crontab_expression
from grocker.runner.cron import zone as cron_zone
from grocker.runner.cron.crontab_expression import Expression
from grocker.runner.cron.zone import Zone

ZONES = next((path for path in TZPATH if path), "/usr/share/zoneinfo")


@cache
def zone(name: str) -> Zone:
    found = cron_zone.is_zone(name, ZONES)
    if not found:
        pytest.skip(f"this host has no time zone {name}")
    return cron_zone.load_zone(name, ZONES)


def parsed(text: str) -> Expression:
    return crontab_expression.parse_fields(text.split())


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    step = st.one_of(st.just(""), st.integers(1, high).map(lambda n: f"/{n}"))
    span = st.tuples(number, number).map(sorted).flatmap(lambda p: step.map(lambda s: f"{p[0]}-{p[1]}{s}"))
    star = step.map(lambda s: f"*{s}")
    # A step behind a single number means something else to cronsim, and nothing to Debian.
    part = st.one_of(number.map(str), span.filter(lambda s: "/" not in s or len(set(s.split("/")[0].split("-"))) == 2))
    return st.one_of(star, star, st.lists(part, min_size=1, max_size=3).map(",".join))


def expressions() -> st.SearchStrategy[str]:
    return st.tuples(fields(0, 59), fields(0, 23), fields(1, 31), fields(1, 12), fields(0, 7)).map(" ".join)


def night_expressions() -> st.SearchStrategy[str]:
    """Such as come often enough for a night with a change of the clock."""
    day = st.sampled_from(["* * *", "* * *", "*/2 * *", "* * */2", "1-31 * 0", "* * sun", "* * sat,sun"])
    return st.tuples(fields(0, 59), fields(0, 23), day).map(" ".join)


@dataclass
class DebianCron:
    """The main loop of Debian's cron 3.0pl1-162 (``cron.c``), for one job: what it queues when it wakes up.

    Written line by line after the source, without a look at ours; ``local`` is clockTime, in minutes.
    """

    expression: Expression
    virtual_time: int
    time_running: int
    queued: list[int] = field(default_factory=list)
    """the virtual minutes that jobs were queued for since the last wake-up"""

    def _find_jobs(self, vtime: int, *, do_wild: bool, do_non_wild: bool) -> None:
        if crontab_expression.matches(self.expression, vtime):
            wild = self.expression.wildcard
            if (do_non_wild and not wild) or (do_wild and wild):
                self.queued.append(vtime)

    def wake(self, clock_time: int) -> list[int]:
        self.queued = []
        if clock_time == self.time_running:
            return []
        self.time_running = clock_time
        time_diff = self.time_running - self.virtual_time
        if time_diff == 1:
            self.virtual_time = self.time_running
            self._find_jobs(self.virtual_time, do_wild=True, do_non_wild=True)
            return self.queued
        wakeup_kind = -1
        if time_diff > -(3 * 60):
            wakeup_kind = 0
        if time_diff > 0:
            wakeup_kind = 1
        if time_diff > 5:
            wakeup_kind = 2
        if time_diff > (3 * 60):
            wakeup_kind = 3
        if wakeup_kind == 1:
            while True:
                self.virtual_time += 1
                self._find_jobs(self.virtual_time, do_wild=True, do_non_wild=True)
                if not self.virtual_time < self.time_running:
                    break
        elif wakeup_kind == 2:
            self._find_jobs(self.time_running, do_wild=True, do_non_wild=False)
            while True:
                self.virtual_time += 1
                self._find_jobs(self.virtual_time, do_wild=False, do_non_wild=True)
                if not self.virtual_time < self.time_running:
                    break
        elif wakeup_kind == 0:
            self._find_jobs(self.time_running, do_wild=True, do_non_wild=False)
        else:
            self.virtual_time = self.time_running
            self._find_jobs(self.time_running, do_wild=True, do_non_wild=True)
        return self.queued
