"""What supervision knows at one moment, as values: for the probes, the metrics and the page. Contract: H1–H3.

Times are seconds since 1970, durations seconds, statuses those that a shell would give (128 + N for signal N).
"""

from __future__ import annotations

from ..base.value import Value

PORT = 8081
"""Where it is told (P2)."""

RUNNING, WAITING, STOPPING, STOPPED = "running", "waiting", "stopping", "stopped"
"""States of a process; ``waiting``: it died, and is started again when its time has come."""

NEW, SUCCEEDED, FAILED = "new", "succeeded", "failed"
"""States of a job that does not run: it never did, its last run ended well, or did not."""


class Check(Value):
    """One condition of a probe, as ``?verbose`` tells it."""

    name: str
    passed: bool
    text: str


class ProcessStatus(Value):
    """A process of the service. ``starts`` counts the first one too; ``restarts`` those after a death;
    ``recycled`` what was renewed for its memory; ``command`` is for holders of the token alone.
    """

    name: str
    state: str
    pid: int | None
    started: float | None
    starts: int
    restarts: int
    recycled: int = 0
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
        """RUNNING, WAITING (for the run before, or for room), NEW, SUCCEEDED or FAILED."""
        if self.pid is not None:
            return RUNNING
        if self.waiting:
            return WAITING
        if self.last_start is None:
            return NEW
        # Not the status: something on stderr may be a failure too.
        return SUCCEEDED if self.last_success is not None and self.last_success >= self.last_start else FAILED


class LogStatus(Value):
    """Lines since the start. ``lines``: that were logged; ``dropped``: that some destination did not get, by its name
    (``syslog``, ``stdout``); ``syslog``: whether the socket takes records just now, None when none is used.
    """

    lines: int = 0
    dropped: tuple[tuple[str, int], ...] = ()
    syslog: bool | None = None


class Status(Value):
    """The whole. ``service``: its name, ``cron`` under ``cron``; ``since``: when the container started.

    ``live``: the checks of ``/livez``; ``ready``: those of ``/readyz``, whose first that fails says why it is not;
    ``was_ready``: whether it ever was.
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
