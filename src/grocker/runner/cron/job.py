"""What is known of a job: plain values, for the log, the metrics and the page. Contract: K4, H2."""

from __future__ import annotations

from ..base.value import TYPE_CHECKING
from ..log.lines import Lines

if TYPE_CHECKING:
    from ..process.loop import Moment
    from .crontab_file import Entry
    from .job_process import Process


class Stream:
    """Our end of a pipe: stdout, or with ``error`` stderr."""

    __slots__ = ("descriptor", "error", "lines")

    def __init__(self, descriptor: int, *, error: bool) -> None:
        self.descriptor = descriptor
        self.error = error
        self.lines = Lines()


class Run:
    """One process of a job. ``started``: seconds of the monotonic clock; ``why``: what it is being ended for, or ""."""

    __slots__ = ("ending", "kill_sent", "limit", "noisy", "open", "process", "started", "status", "tail", "why")

    def __init__(self, process: Process, started: float) -> None:
        self.process = process
        self.started = started
        self.status: int | None = None
        self.why = ""
        self.noisy = False  # something was on stderr
        self.open: dict[int, Stream] = {}  # by descriptor, as long as something may come
        self.limit: Moment | None = None
        self.ending = 0.0  # when the group is killed, monotonic
        self.kill_sent: float | None = None  # when that was done
        self.tail = bytearray()  # the last of its output, for a mail


class Job:
    """A line of the crontab with what became of it.

    Counters since the start: ``runs`` that began, ``failures`` (after all retries), ``skips`` because the one before
    was still running, ``retries``, ``missed`` in pauses. ``last_start``, ``last_success`` (its end): seconds since
    1970; ``last_duration``: seconds; ``last_status``: exit status, 128 + N for a signal; None while there is none.
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

    def __init__(self, entry: Entry) -> None:
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
        self.run: Run | None = None
        self.last_run: Run | None = None
        self.held = False  # it waits for processes or descriptors
        self.queued = 0
        self.replacing = False  # overlap=kill: the next one waits for the end of this one
        self.attempt = 0  # of the present run, from 0
        self.retry: Moment | None = None

    @property
    def running(self) -> bool:
        """Whether a process of it runs, or is about to."""
        return self.run is not None or self.held
