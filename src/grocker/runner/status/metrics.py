r"""Status as Prometheus text, format 0.0.4. Contract: H2, X3. Pure.

Every name begins with ``grocker_``; docs/reference/supervision.md lists them all. Source: Prometheus, "Exposition
formats", text-based: families in one piece, HELP and TYPE first, ``\``, ``"`` and line ends in labels escaped.
"""

from __future__ import annotations

from ..base.value import TYPE_CHECKING
from .values import RUNNING, STOPPED, STOPPING, WAITING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .usage import TreeUsage, Usage
    from .values import JobStatus, LogStatus, ProcessStatus, Status

    Sample = tuple[tuple[tuple[str, str], ...], float | None]
    """Labels and value; a value that is None is not told."""

PREFIX = "grocker_"
TYPE = "text/plain; version=0.0.4; charset=utf-8"


def text(status: Status, usage: Usage) -> str:
    """All families about the container, its processes, jobs and log."""
    return "".join(
        [*_container(status, usage), *_processes(status, usage), *_jobs(status.jobs), *_log(status.log)],
    )


def scrape(success: bool, seconds: float, left_out: int) -> str:
    """The families about the merged scrape. ``left_out``: the application's families that are not passed on."""
    return "".join(
        [
            _one(
                "application_scrape_success", "gauge", "1: the application's own metrics are in this answer.", success
            ),
            _one(
                "application_scrape_duration_seconds", "gauge", "How long the application took to tell them.", seconds
            ),
            _one(
                "application_scrape_families_left_out",
                "gauge",
                "Families of the application that are malformed, or named like the runner's.",
                left_out,
            ),
        ]
    )


def _container(status: Status, usage: Usage) -> list[str]:
    about = (
        ("application", status.application),
        ("version", status.version),
        ("service", status.service),
        ("grocker", status.grocker),
        ("contract", str(status.contract)),
    )
    live = all(check.passed for check in status.live)
    ready = all(check.passed for check in status.ready)
    return [
        _family("info", "gauge", "Always 1; the labels say what runs here.", [(about, 1)]),
        _one("start_time_seconds", "gauge", "When the container started, in seconds since 1970.", status.since),
        _one("uptime_seconds", "gauge", "How long ago that was.", max(0.0, status.now - status.since)),
        _one("live", "gauge", "What /livez says: 1 for 200.", live),
        _one("ready", "gauge", "What /readyz says: 1 for 200.", ready),
        _one("started", "gauge", "What /startupz says: 1 for 200.", status.was_ready),
        _one("stopping", "gauge", "1 from the moment that the container is asked to stop.", status.stopping),
        _one("container_memory_bytes", "gauge", "Memory of the container without inactive page cache.", usage.memory),
        _one("container_memory_limit_bytes", "gauge", "What it may have.", usage.memory_limit),
        _one("container_oom_kills_total", "counter", "Processes that the kernel killed for memory.", usage.oom_kills),
        _one("runner_cpu_seconds_total", "counter", "Processor time of the runner itself.", usage.runner.cpu),
        _one("runner_resident_memory_bytes", "gauge", "Memory of the runner itself.", usage.runner.memory),
        _one("runner_open_files", "gauge", "Open files of the runner itself.", usage.runner.open_files),
    ]


def _processes(status: Status, usage: Usage) -> list[str]:
    rows = [
        ((("service", status.service), ("process", process.name)), process, _tree(process, usage))
        for process in status.processes
    ]
    states = [
        ((*labels, ("state", state)), process.state == state)
        for labels, process, _ in rows
        for state in (RUNNING, WAITING, STOPPING, STOPPED)
    ]

    def each(name: str, kind: str, about: str, values: Sequence[float | None]) -> str:
        return _family(
            f"process_{name}", kind, about, [(row[0], value) for row, value in zip(rows, values, strict=True)]
        )

    processes = [process for _, process, _ in rows]
    trees = [tree for _, _, tree in rows]
    uptimes = [None if p.started is None else max(0.0, status.now - p.started) for p in processes]
    return [
        _family("process_state", "gauge", "1 for the state that the process is in, 0 for the others.", states),
        each("starts_total", "counter", "Starts, the first one too.", [p.starts for p in processes]),
        each("restarts_total", "counter", "Starts after a death.", [p.restarts for p in processes]),
        each("recycled_total", "counter", "What was renewed for its memory.", [p.recycled for p in processes]),
        each(
            "last_exit_status",
            "gauge",
            "Exit status of its last end, 128 + N for signal N; absent before the first.",
            [p.last_exit for p in processes],
        ),
        each("start_time_seconds", "gauge", "When it started last, since 1970.", [p.started for p in processes]),
        each("uptime_seconds", "gauge", "How long ago that was.", uptimes),
        each(
            "cpu_seconds_total",
            "counter",
            "Processor time of it and its descendants.",
            [None if t is None else t.cpu for t in trees],
        ),
        each(
            "resident_memory_bytes",
            "gauge",
            "Resident memory of it and its descendants; what they share counts in each.",
            [None if t is None else t.memory for t in trees],
        ),
        each(
            "open_files",
            "gauge",
            "Open files of it and its descendants.",
            [None if t is None else t.open_files for t in trees],
        ),
        each("workers", "gauge", "Processes below it.", [None if t is None else t.workers for t in trees]),
    ]


def _tree(process: ProcessStatus, usage: Usage) -> TreeUsage | None:
    return None if process.pid is None else usage.trees.get(process.pid)


def _jobs(jobs: tuple[JobStatus, ...]) -> list[str]:
    # Not "job": Prometheus gives every series a label of that name itself.
    labels = [(("job_name", job.name),) for job in jobs]

    def each(name: str, kind: str, about: str, values: Sequence[float | None]) -> str:
        return _family(f"cron_{name}", kind, about, list(zip(labels, values, strict=True)))

    return [
        each("running", "gauge", "1 while a run of the job is under way.", [j.pid is not None for j in jobs]),
        each("waiting", "gauge", "Runs that wait for the one before.", [j.waiting for j in jobs]),
        each("runs_total", "counter", "Runs that began.", [j.runs for j in jobs]),
        each("failures_total", "counter", "Runs that failed, after all retries.", [j.failures for j in jobs]),
        each("skips_total", "counter", "Runs left out while the one before was going on.", [j.skips for j in jobs]),
        each("missed_total", "counter", "Runs that a pause of the container left out.", [j.missed for j in jobs]),
        each("retries_total", "counter", "Retries of failed runs.", [j.retries for j in jobs]),
        each("last_start_time_seconds", "gauge", "When the last run began, since 1970.", [j.last_start for j in jobs]),
        each("last_duration_seconds", "gauge", "How long the last run took.", [j.last_duration for j in jobs]),
        each(
            "last_exit_status",
            "gauge",
            "Exit status of the last run, 128 + N for signal N.",
            [j.last_status for j in jobs],
        ),
        each(
            "last_success_time_seconds",
            "gauge",
            "When a run ended well last, since 1970; absent before the first.",
            [j.last_success for j in jobs],
        ),
        each("next_run_time_seconds", "gauge", "When the next run is due, since 1970.", [j.upcoming for j in jobs]),
    ]


def _log(log: LogStatus) -> list[str]:
    dropped = [((("destination", name),), float(number)) for name, number in log.dropped]
    return [
        _one("log_lines_total", "counter", "Lines that were logged.", log.lines),
        _family("log_dropped_lines_total", "counter", "Lines that a destination did not get.", dropped),
        _one(
            "log_syslog_connected", "gauge", "1 while the syslog socket takes records; absent without one.", log.syslog
        ),
    ]


def _one(name: str, kind: str, about: str, value: float | None) -> str:
    return _family(name, kind, about, [((), value)])


def _family(name: str, kind: str, about: str, samples: Sequence[Sample]) -> str:
    """Nothing when there is nothing to tell."""
    name = PREFIX + name
    lines = [f"{name}{_labels(labels)} {_number(value)}\n" for labels, value in samples if value is not None]
    return f"# HELP {name} {about}\n# TYPE {name} {kind}\n{''.join(lines)}" if lines else ""


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if isinstance(value, (bool, int)) else repr(value)
