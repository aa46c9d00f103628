"""Which local minutes are due when the clock reaches a minute, also when it was set. Contract: K5. Pure.

Debian's rule (cron(8), NOTES; ``cron.c``, main), for each time zone: virtual time is the last local minute whose jobs
have been started. It follows the clock, but not when the clock goes back by up to three hours.
"""

from __future__ import annotations

from ..base.value import TYPE_CHECKING, Value
from . import crontab_expression

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .crontab_expression import Expression
    from .zone import Zone

_LATE = 5  # minutes; Debian's cron catches up on every job
_LIMIT = 180  # minutes; larger steps are corrections of the clock
_NEAR = 2880  # minutes; longer than the effect of any change of the clock


class Span(Value):
    """Local minutes from ``start`` to before ``stop``, for jobs with wildcards, for fixed-time jobs, or both."""

    start: int
    stop: int
    wildcard: bool = True
    fixed: bool = True


class Timeline:
    """The virtual time of one zone, after minute ``minute`` of UTC."""

    def __init__(self, zone: Zone, minute: int) -> None:
        self.zone = zone
        self.virtual = zone.local(minute)

    def advance(self, minute: int) -> list[Span]:
        """Return what is due in minute ``minute`` of UTC, in this order."""
        now = self.zone.local(minute)
        before = self.virtual
        ahead = now - before
        if 0 < ahead <= _LATE:
            self.virtual = now
            return [Span(start=before + 1, stop=now + 1)]
        if _LATE < ahead <= _LIMIT:
            self.virtual = now
            return [
                Span(start=now, stop=now + 1, fixed=False),
                Span(start=before + 1, stop=now + 1, wildcard=False),
            ]
        if -_LIMIT < ahead <= 0:
            return [Span(start=now, stop=now + 1, fixed=False)]
        self.virtual = now
        return [Span(start=now, stop=now + 1)]

    def pass_over(self, first: int, last: int) -> list[Span]:
        """Return what was due in minutes ``first`` to ``last`` of UTC, which are over."""
        spans: list[Span] = []
        minute = first
        while minute <= last:
            _append(spans, self.advance(minute))
            if self.virtual == self.zone.local(minute):  # in step, and it stays so until the next change of the clock
                change = self.zone.change(minute, last)
                end = last if change is None else change - 1
                if end > minute:
                    local = self.zone.local(end)
                    _append(spans, [Span(start=self.virtual + 1, stop=local + 1)])
                    self.virtual, minute = local, end
            minute += 1
        return spans

    def upcoming(self, expression: Expression, minute: int) -> int | None:
        """Return the first minute of UTC after ``minute`` that starts a job, unless the clock is set; else None."""
        if expression.wildcard:
            return _wildcard(expression, self.zone, minute)
        return _fixed(expression, self.zone, minute, self.virtual)


def _fixed(expression: Expression, zone: Zone, minute: int, virtual: int) -> int | None:
    at = minute + 1
    while True:
        now = zone.local(at)
        jumped = not -_LIMIT < now - virtual <= _LIMIT
        if now > virtual or jumped:
            next_local = crontab_expression.first_from(expression, now if jumped else virtual + 1)
            if next_local is None:
                return None
            if next_local <= now:
                return at
            virtual = now
        else:
            next_local = crontab_expression.first_from(expression, virtual + 1)
            if next_local is None:
                return None
        found = at + next_local - now
        change = zone.change(at, min(found, at + _NEAR))
        if change is None and found <= at + _NEAR:
            return found
        at = change if change is not None else max(at + _NEAR, found - _NEAR)
        virtual = max(virtual, zone.local(at - 1))


def _wildcard(expression: Expression, zone: Zone, minute: int) -> int | None:
    at = minute + 1
    while True:
        now, before = zone.local(at), zone.local(at - 1)
        start = before + 1 if 1 < now - before <= _LATE else now
        next_local = crontab_expression.first_from(expression, start)
        if next_local is None:
            return None
        if next_local <= now:
            return at
        found = at + next_local - now
        change = zone.change(at, min(found, at + _NEAR))
        if change is not None:
            at = change
        elif found <= at + _NEAR:
            return found
        else:
            at = max(at + _NEAR, found - _NEAR)


def _append(spans: list[Span], more: Iterable[Span]) -> None:
    """Add spans; one that continues the last is joined to it."""
    for span in more:
        last = spans[-1] if spans else None
        if last and last.stop == span.start and (last.wildcard, last.fixed) == (span.wildcard, span.fixed):
            spans[-1] = Span(start=last.start, stop=span.stop, wildcard=span.wildcard, fixed=span.fixed)
        else:
            spans.append(span)
