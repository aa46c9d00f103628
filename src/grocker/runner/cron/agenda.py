"""Finds out from the clocks which jobs are due. Contract: K5. Pure.

There are two clocks: the wall clock, which people and daylight saving time set, and elapsed time, which nothing sets
and which continues while the machine sleeps. If they diverge, the wall clock was set (Debian's rule, see
``cron.timeline``); if both advanced while we did not run, the container was paused, and missed runs are counted, not
made up for.
"""

from __future__ import annotations

from ..base.value import TYPE_CHECKING, Value
from . import crontab_expression
from .timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .crontab_expression import Expression
    from .timeline import Span
    from .zone import Zone

STEP = 10.0  # seconds; smaller differences are corrections of the clock, not a change


class DueJobs(Value):
    """The result of reading the clocks; jobs are indexes into the crontab.

    ``due``: to start, in this order, each once even if several of its times were skipped. ``missed``: job → how often
    it was due in the ``passed`` minutes of a pause. ``step``: seconds by which the wall clock was set, 0.0 if it was
    not.
    """

    due: tuple[int, ...] = ()
    missed: Mapping[int, int] = {}
    passed: int = 0
    step: float = 0.0


class _Zone:
    """The jobs of one time zone, grouped by schedule."""

    def __init__(self, zone: Zone, minute: int) -> None:
        self.timeline = Timeline(zone, minute)
        self.wildcard: dict[Expression, list[int]] = {}
        self.fixed: dict[Expression, list[int]] = {}

    def groups(self, span: Span) -> Iterator[tuple[Expression, list[int]]]:
        if span.wildcard:
            yield from self.wildcard.items()
        if span.fixed:
            yield from self.fixed.items()


class Agenda:
    """The schedule of all jobs, from the next full minute on.

    ``schedules``: each job's expression (None: @reboot) and zone; ``wall``: seconds since 1970; ``elapsed``: seconds
    since any moment.
    """

    def __init__(self, schedules: Sequence[tuple[Expression | None, Zone]], wall: float, elapsed: float) -> None:
        self._schedules = schedules
        self._wall = wall
        self._elapsed = elapsed
        self._minute = int(wall // 60)
        self._zones: dict[str, _Zone] = {}
        for place, (expression, zone) in enumerate(schedules):
            if expression is not None:
                found = self._zones.setdefault(zone.name, _Zone(zone, self._minute))
                kind = found.wildcard if expression.wildcard else found.fixed
                kind.setdefault(expression, []).append(place)

    def at_start(self) -> tuple[int, ...]:
        """Return the @reboot jobs."""
        return tuple(place for place, (expression, _) in enumerate(self._schedules) if expression is None)

    def seconds_to_next(self, wall: float) -> float:
        """Return the seconds until a job may be due, unless the clock is set."""
        return max(0.0, (int(wall // 60) + 1) * 60 - wall)

    def read_clocks(self, wall: float, elapsed: float) -> DueJobs:
        """Return what is due now."""
        step = (wall - self._wall) - (elapsed - self._elapsed)
        minute = expected = int(wall // 60)
        if abs(step) < STEP:
            step = 0.0
        else:
            expected = int((self._wall + elapsed - self._elapsed) // 60)
        self._wall, self._elapsed = wall, elapsed
        last, passed = self._minute, max(0, expected - 1 - self._minute)
        # Set back by less than a minute: Debian's cron, which sleeps until the next one, does not notice.
        if not passed and minute in (last, last - 1):
            return DueJobs(step=step)
        missed: dict[int, int] = {}
        due: list[int] = []
        for zone in self._zones.values():
            if passed:
                _count(zone, zone.timeline.pass_over(last + 1, last + passed), missed)
            for span in zone.timeline.advance(minute):
                due += _due(zone, span)
        self._minute = minute
        return DueJobs(due=tuple(dict.fromkeys(due)), missed=missed, passed=passed, step=step)

    def upcoming(self, place: int) -> float | None:
        """Return when the job is due next, in seconds since 1970, unless the clock is set; None for never."""
        expression, zone = self._schedules[place]
        if expression is None:
            return None
        found = self._zones[zone.name].timeline.upcoming(expression, self._minute)
        return None if found is None else found * 60.0


def _due(zone: _Zone, span: Span) -> Iterator[int]:
    groups = list(zone.groups(span))
    expressions = [expression for expression, _ in groups]
    for local in range(span.start, span.stop):
        places: list[int] = []
        for found in crontab_expression.due_expressions(expressions, local):
            places += groups[found][1]
        yield from sorted(places)


def _count(zone: _Zone, spans: Sequence[Span], missed: dict[int, int]) -> None:
    for span in spans:
        for expression, places in zone.groups(span):
            number = crontab_expression.count_times(expression, span.start, span.stop)
            if number:
                for place in places:
                    missed[place] = missed.get(place, 0) + number
