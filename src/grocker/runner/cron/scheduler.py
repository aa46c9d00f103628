"""The scheduler: looks at the clocks, starts what is due, stops when asked to. Contract: E3, K3, K5."""

from __future__ import annotations

import time

from ..base.failure import KILLED, say, warn
from ..base.value import TYPE_CHECKING, Value
from ..log.log import READER, Log
from ..process.loop import Loop
from .agenda import Agenda, Turn
from .clock import Clock
from .job import Job
from .messenger import Messenger
from .runs import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .crontab_file import Entry
    from .messenger import MailServer
    from .zone import Zone

_LOOK = 15.0  # seconds after which the clocks are looked at whatever they said: a clock set forward is not told
_AFTER_KILL = 2.0  # seconds for what was killed to be gone
_MESSAGES = 2.0  # seconds, of what is left of the stop time, for heartbeats and mails that are under way
_DRAIN = 1.0  # seconds for what was said last to be written
_NAMES = 10  # jobs named in one line


class Settings(Value):
    """``environ``: of the jobs and the log; ``mask``: signals that jobs shall have blocked; ``stop_timeout``: seconds;
    ``application``: for the log and mails.
    """

    environ: Mapping[str, str]
    mask: set[int]
    home: str
    stop_timeout: float
    application: str
    mail_server: MailServer | None = None


class Scheduler:
    """What is going on, for who supervises: ``jobs``, in the crontab's order, ``log``, and :meth:`upcoming`.

    A resource; ``on_start`` of :meth:`run` is given it, with its loop, before the first job.
    """

    def __init__(self, entries: tuple[Entry, ...], zones: Mapping[str, Zone], settings: Settings) -> None:
        self.jobs = tuple(Job(entry) for entry in entries)
        self.loop = Loop(self._child)
        self._clock = Clock()
        self._settings = settings
        self._schedules = [(entry.expression, zones[entry.zone]) for entry in entries]
        self._agenda = Agenda(self._schedules, self._clock.wall(), self._clock.elapsed())
        self._runs: Runs | None = None

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self.loop.asked

    def upcoming(self, place: int) -> float | None:
        """When job ``place`` is due next, in seconds since 1970; None when it never is."""
        return None if self.loop.asked else self._agenda.upcoming(place)

    def run(self, on_start: Callable[[Scheduler], None] | None = None) -> int:
        """The exit status: 0, or 137 when jobs had to be killed. Raises Failure (78): GROCKER_LOG."""
        settings = self._settings
        with self.loop, Log(self.loop, settings.application, "cron", settings.environ) as self.log:
            messenger = Messenger(self.loop, settings.mail_server, settings.environ, application=settings.application)
            runs = self._runs = Runs(self.loop, self.log, messenger, settings.environ, settings.mask, settings.home)
            if on_start is not None:
                on_start(self)
            for place in self._agenda.at_start():
                runs.due(self.jobs[place])
            while not self.loop.asked:
                self.loop.turn(min(_LOOK, self._agenda.wait(self._clock.wall())))
                if not self.loop.asked:
                    self._take(self._agenda.look(self._clock.wall(), self._clock.elapsed()), runs)
            status = self._stop(runs, messenger)
            self.log.drain(_DRAIN)
            return status

    def _child(self) -> None:
        if self._runs is not None:
            self._runs.reap()

    def _take(self, turn: Turn, runs: Runs) -> None:
        if turn.step:
            say(f"cron: the clock was set {'forward' if turn.step > 0 else 'back'} by {_duration(abs(turn.step))}")
        if turn.passed:
            self._report(turn)
        for place in turn.due:
            runs.due(self.jobs[place])

    def _report(self, turn: Turn) -> None:
        """K5: what a pause left out."""
        for place, number in turn.missed.items():
            self.jobs[place].missed += number
        named = [f"{self.jobs[place].name} {number}" for place, number in sorted(turn.missed.items())]
        rest = f" and {len(named) - _NAMES} other jobs" if len(named) > _NAMES else ""
        total = sum(turn.missed.values())
        what = f": {', '.join(named[:_NAMES])}{rest}" if named else ""
        warn(f"cron: paused for {_duration(turn.passed * 60)}: {total} runs missed, not made up for{what}")

    def _stop(self, runs: Runs, messenger: Messenger) -> int:
        runs.stop(self.jobs)
        deadline = time.monotonic() + self._settings.stop_timeout
        self.loop.after(self._settings.stop_timeout * READER, self.log.let_go)
        self._until(lambda: not runs.busy, self._settings.stop_timeout)
        if runs.busy:
            runs.kill()
            self._until(lambda: not runs.busy, _AFTER_KILL)
        self._until(lambda: not runs.paused, deadline - time.monotonic())
        self._until(lambda: not messenger.busy, min(_MESSAGES, deadline - time.monotonic()))
        messenger.stop()
        return KILLED if runs.killed else 0

    def _until(self, reached: Callable[[], bool], seconds: float) -> None:
        latest = time.monotonic() + seconds
        while not reached() and (left := latest - time.monotonic()) > 0:
            self.loop.turn(left)


def _duration(seconds: float) -> str:
    """For people."""
    whole = round(seconds)
    parts = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"
