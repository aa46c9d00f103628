"""The status of the container at one moment: for the probes, the metrics and the page. Contract: H1–H3.

Times are seconds since 1970, durations are seconds, exit statuses are a shell's (128 + N for signal N).
"""

from __future__ import annotations

from ..base.value import Value
from ..log.log import LogStatus

RUNNING, WAITING, STOPPING, STOPPED = "running", "waiting", "stopping", "stopped"
"""States of a process; ``waiting``: it died and will be restarted."""

NEW, SUCCEEDED, FAILED = "new", "succeeded", "failed"
"""States of a job that is not running: never run, last run succeeded, last run failed."""


class Check(Value):
    """One condition of a probe, as ``?verbose`` shows it."""

    name: str
    passed: bool
    text: str


class ProcessStatus(Value):
    """A process of the service. ``starts`` includes the first; ``restarts`` counts starts after a death; ``recycled``
    counts replacements for using too much memory; ``recent_restarts``: within the period of its limit;
    ``command`` is shown to holders of the token only.
    """

    name: str
    state: str
    pid: int | None
    started: float | None
    starts: int
    restarts: int
    recycled: int = 0
    recent_restarts: int = 0
    last_exit: int | None = None
    command: tuple[str, ...] = ()


class JobStatus(Value):
    """A job of the crontab; the counters are those of :class:`.cron.job.Job`. ``command`` as in ProcessStatus."""

    name: str
    line: int
    schedule: str
    pid: int | None
    waiting: int
    runs: int
    failures: int
    skips: int
    missed: int
    retries: int
    last_start: float | None
    last_duration: float | None
    last_status: int | None
    last_success: float | None
    upcoming: float | None
    command: str = ""

    @property
    def state(self) -> str:
        """RUNNING, WAITING (for the previous run, or for a free process), NEW, SUCCEEDED or FAILED."""
        if self.pid is not None:
            return RUNNING
        if self.waiting:
            return WAITING
        if self.last_start is None:
            return NEW
        # Not by exit status: output on stderr may count as a failure too.
        return SUCCEEDED if self.last_success is not None and self.last_success >= self.last_start else FAILED


class Status(Value):
    """Everything. ``service``: its name, or ``cron``; ``since``: when the container started.

    ``live``: the checks of ``/livez``; ``ready``: those of ``/readyz``, of which the first that fails gives the reason;
    ``was_ready``: whether it has ever been ready; ``host``: the container's host name.
    """

    application: str
    version: str
    grocker: str
    contract: int
    service: str
    since: float
    now: float
    stopping: bool
    live: tuple[Check, ...]
    ready: tuple[Check, ...]
    was_ready: bool
    processes: tuple[ProcessStatus, ...] = ()
    jobs: tuple[JobStatus, ...] = ()
    log: LogStatus = LogStatus()
    host: str = ""
