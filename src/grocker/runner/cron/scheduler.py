"""The scheduler: reads the clocks, starts due jobs, stops on request. Contract: E3, K3, K5."""

from __future__ import annotations

import time

from ..base.failure import KILLED, say, warn
from ..base.value import TYPE_CHECKING, Value
from ..contract.names import SYSLOG_SOCKET
from ..log.log import OUTPUT_SHARE, Log
from ..process.loop import Loop
from .agenda import Agenda, DueJobs
from .clock import Clock
from .job import Job
from .messenger import Messenger
from .runs import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .crontab_file import CrontabEntry
    from .messenger import MailServer
    from .zone import Zone

_LONGEST_WAIT = 15.0  # seconds; nothing tells when a clock is set forward
_AFTER_KILL = 2.0  # seconds for killed jobs to be gone
_MESSAGES = 2.0  # seconds of the rest of the stop timeout, for heartbeats and mails in progress
_DRAIN = 1.0  # seconds to write the last output
_NAMES = 10  # jobs named in one line


class SchedulerSettings(Value):
    """``environ``: of the jobs and the log; ``mask``: signals to block in jobs; ``stop_timeout``: seconds;
    ``application``: its name, for the log and mails; ``syslog``: the socket; ``directory``: where jobs start, None for
    their HOME.
    """

    environ: Mapping[str, str]
    mask: set[int]
    home: str
    stop_timeout: float
    application: str
    mail_server: MailServer | None = None
    syslog: str = SYSLOG_SOCKET
    directory: str | None = None


class Scheduler:
    """Runs the jobs. For the status page: ``jobs``, in the crontab's order, ``log``, and :meth:`upcoming`."""

    def __init__(
        self, entries: tuple[CrontabEntry, ...], zones: Mapping[str, Zone], settings: SchedulerSettings
    ) -> None:
        self.jobs = tuple(Job(entry) for entry in entries)
        self.loop = Loop(self._child)
        self._clock = Clock()
        self._settings = settings
        self._schedules = [(entry.expression, zones[entry.zone]) for entry in entries]
        self._agenda = Agenda(self._schedules, self._clock.wall(), self._clock.elapsed())
        self._runs: Runs | None = None

    @property
    def stopping(self) -> bool:
        """Whether a stop was requested."""
        return self.loop.stop_requested

    def upcoming(self, place: int) -> float | None:
        """Return when job ``place`` is due next, in seconds since 1970; None for never."""
        return None if self.loop.stop_requested else self._agenda.upcoming(place)

    def run(self, on_start: Callable[[Scheduler], None] | None = None) -> int:
        """Run jobs until asked to stop; return the exit status: 0, or 137 when jobs were killed.

        ``on_start`` is called once, inside the loop, before the first job. Raises Failure (78): GROCKER_LOG.
        """
        settings = self._settings
        with (
            self.loop,
            Log(self.loop, settings.application, "cron", settings.environ, socket=settings.syslog) as self.log,
        ):
            messenger = Messenger(self.loop, settings.mail_server, settings.environ, application=settings.application)
            runs = self._runs = Runs(
                self.loop,
                self.log,
                messenger,
                settings.environ,
                settings.mask,
                settings.home,
                directory=settings.directory,
            )
            if on_start is not None:
                on_start(self)
            for place in self._agenda.at_start():
                runs.due(self.jobs[place])
            while not self.loop.stop_requested:
                self.loop.turn(min(_LONGEST_WAIT, self._agenda.seconds_to_next(self._clock.wall())))
                if not self.loop.stop_requested:
                    self._start_due(self._agenda.read_clocks(self._clock.wall(), self._clock.elapsed()), runs)
            status = self._stop(runs, messenger)
            self.log.drain(_DRAIN)
            return status

    def _child(self) -> None:
        if self._runs is not None:
            self._runs.reap()

    def _start_due(self, due: DueJobs, runs: Runs) -> None:
        if due.step:
            say(f"cron: the clock was set {'forward' if due.step > 0 else 'back'} by {_format_duration(abs(due.step))}")
        if due.passed:
            self._report_missed(due)
        for place in due.due:
            runs.due(self.jobs[place])

    def _report_missed(self, due: DueJobs) -> None:
        """Report the runs that a pause has missed (K5)."""
        for place, number in due.missed.items():
            self.jobs[place].missed += number
        named = [f"{self.jobs[place].name} {number}" for place, number in sorted(due.missed.items())]
        rest = f" and {len(named) - _NAMES} other jobs" if len(named) > _NAMES else ""
        total = sum(due.missed.values())
        what = f" ({', '.join(named[:_NAMES])}{rest})" if named else ""
        warn(f"cron: paused for {_format_duration(due.passed * 60)}, missed runs: {total}{what}")

    def _stop(self, runs: Runs, messenger: Messenger) -> int:
        runs.stop(self.jobs)
        deadline = time.monotonic() + self._settings.stop_timeout
        self.loop.after(self._settings.stop_timeout * OUTPUT_SHARE, self.log.discard_pending)
        self._turn_until(lambda: not runs.busy, self._settings.stop_timeout)
        if runs.busy:
            runs.kill()
            self._turn_until(lambda: not runs.busy, _AFTER_KILL)
        self._turn_until(lambda: not runs.paused, deadline - time.monotonic())
        self._turn_until(lambda: not messenger.busy, min(_MESSAGES, deadline - time.monotonic()))
        messenger.stop()
        return KILLED if runs.killed else 0

    def _turn_until(self, condition: Callable[[], bool], seconds: float) -> None:
        latest = time.monotonic() + seconds
        while not condition() and (left := latest - time.monotonic()) > 0:
            self.loop.turn(left)


def _format_duration(seconds: float) -> str:
    """Format for people."""
    whole = round(seconds)
    parts = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"
