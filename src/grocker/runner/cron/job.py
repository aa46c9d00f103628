"""The state of a job, for the log, the metrics and the status page. Contract: K4, H2."""

from __future__ import annotations

from ..base.value import TYPE_CHECKING
from ..log.lines import LineSplitter

if TYPE_CHECKING:
    from ..process.loop import Timer
    from ..process.process_group import GroupEnd
    from .crontab_file import CrontabEntry
    from .job_process import JobProcess


class OutputStream:
    """Our end of a job's pipe: stderr if ``error``, else stdout."""

    __slots__ = ("descriptor", "error", "lines")

    def __init__(self, descriptor: int, *, error: bool) -> None:
        self.descriptor = descriptor
        self.error = error
        self.lines = LineSplitter()


class JobRun:
    """One process of a job. ``started``: monotonic seconds; ``why``: the reason for ending it early, or ""."""

    __slots__ = ("end", "open", "process", "started", "status", "stderr_used", "tail", "timeout", "why")

    def __init__(self, process: JobProcess, started: float) -> None:
        self.process = process
        self.started = started
        self.status: int | None = None
        self.why = ""
        self.stderr_used = False
        self.open: dict[int, OutputStream] = {}  # by descriptor, until closed
        self.timeout: Timer | None = None
        self.end: GroupEnd | None = None  # once it is being ended
        self.tail = bytearray()  # the last output, for a mail


class Job:
    """A line of the crontab with its history.

    Counters since the start: started ``runs``, ``failures`` (after all retries), ``skips`` because the previous run was
    still running, ``retries``, ``missed`` in pauses. ``last_start``, ``last_success`` (its end): seconds since 1970;
    ``last_duration``: seconds; ``last_status``: exit status, 128 + N for signal N; None before the first.
    """

    __slots__ = (
        "attempt",
        "entry",
        "failures",
        "held",
        "last_duration",
        "last_run",
        "last_start",
        "last_status",
        "last_success",
        "missed",
        "name",
        "queued",
        "replacing",
        "retries",
        "retry",
        "run",
        "runs",
        "skips",
    )

    def __init__(self, entry: CrontabEntry) -> None:
        self.entry = entry
        self.name = entry.name
        self.runs = 0
        self.failures = 0
        self.skips = 0
        self.retries = 0
        self.missed = 0
        self.last_start: float | None = None
        self.last_duration: float | None = None
        self.last_success: float | None = None
        self.last_status: int | None = None
        self.run: JobRun | None = None
        self.last_run: JobRun | None = None
        self.held = False  # waits until a process or descriptors are free
        self.queued = 0
        self.replacing = False  # overlap=kill: the next run waits for the end of this one
        self.attempt = 0  # of the current run, from 0
        self.retry: Timer | None = None

    @property
    def running(self) -> bool:
        """Whether one of its processes is running, or about to."""
        return self.run is not None or self.held
