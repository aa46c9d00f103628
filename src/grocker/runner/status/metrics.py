r"""The status as Prometheus text, format 0.0.4. Contract: H2, X3. Pure.

Every name begins with ``grocker_``; docs/reference/supervision.md lists them. Source: Prometheus, "Exposition formats",
text-based: families in one piece, HELP and TYPE first, ``\``, ``"`` and line ends in labels escaped.
"""

from __future__ import annotations

from ..base.value import TYPE_CHECKING
from .values import RUNNING, STOPPED, STOPPING, WAITING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..log.log import LogStatus
    from .usage import TreeUsage, Usage
    from .values import JobStatus, ProcessStatus, Status

    Sample = tuple[tuple[tuple[str, str], ...], float | None]
    """Labels and value; a sample whose value is None is omitted."""

PREFIX = "grocker_"
TYPE = "text/plain; version=0.0.4; charset=utf-8"


def text(status: Status, usage: Usage) -> str:
    """Return all families about the container, its processes, jobs and log."""
    return "".join(
        [*_container(status, usage), *_processes(status, usage), *_jobs(status.jobs), *_log(status.log)],
    )


def scrape_text(success: bool, seconds: float, dropped: int) -> str:
    """Return the families about the scrape of the application. ``dropped``: the number of its dropped families."""
    return "".join(
        [
            _one(
                "application_scrape_success",
                "gauge",
                "1 if this response contains the application's own metrics.",
                success,
            ),
            _one("application_scrape_duration_seconds", "gauge", "Time that the application took to respond.", seconds),
            _one(
                "application_scrape_families_left_out",
                "gauge",
                "Dropped families of the application: malformed, or named like the runner's.",
                dropped,
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
        _one("start_time_seconds", "gauge", "Start time of the container, seconds since 1970.", status.since),
        _one("uptime_seconds", "gauge", "Time since the start.", max(0.0, status.now - status.since)),
        _one("live", "gauge", "1 if /livez answers 200.", live),
        _one("ready", "gauge", "1 if /readyz answers 200.", ready),
        _one("started", "gauge", "1 if /startupz answers 200.", status.was_ready),
        _one("stopping", "gauge", "1 once the container was asked to stop.", status.stopping),
        _one("container_memory_bytes", "gauge", "Memory of the container without inactive page cache.", usage.memory),
        _one("container_memory_limit_bytes", "gauge", "Memory limit of the container.", usage.memory_limit),
        _one(
            "container_oom_kills_total",
            "counter",
            "Processes that the kernel killed for lack of memory.",
            usage.oom_kills,
        ),
        _one("runner_cpu_seconds_total", "counter", "CPU time of the runner itself.", usage.runner.cpu),
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
        return _family(f"process_{name}", kind, about, [(row[0], value) for row, value in zip(rows, values)])

    processes = [process for _, process, _ in rows]
    trees = [tree for _, _, tree in rows]
    uptimes = [None if p.started is None else max(0.0, status.now - p.started) for p in processes]
    return [
        _family("process_state", "gauge", "1 for the state of the process, 0 for the others.", states),
        each("starts_total", "counter", "Starts, including the first.", [p.starts for p in processes]),
        each("restarts_total", "counter", "Restarts after a death.", [p.restarts for p in processes]),
        each("recycled_total", "counter", "Replacements for using too much memory.", [p.recycled for p in processes]),
        each(
            "last_exit_status",
            "gauge",
            "Last exit status, 128 + N for signal N; absent before the first exit.",
            [p.last_exit for p in processes],
        ),
        each(
            "start_time_seconds", "gauge", "Time of the last start, seconds since 1970.", [p.started for p in processes]
        ),
        each("uptime_seconds", "gauge", "Time since the start.", uptimes),
        each(
            "cpu_seconds_total",
            "counter",
            "CPU time of the process and its descendants.",
            [None if t is None else t.cpu for t in trees],
        ),
        each(
            "resident_memory_bytes",
            "gauge",
            "Resident memory of the process and its descendants; shared memory is divided among its users.",
            [None if t is None else t.memory for t in trees],
        ),
        each(
            "open_files",
            "gauge",
            "Open files of the process and its descendants.",
            [None if t is None else t.open_files for t in trees],
        ),
        each("workers", "gauge", "Descendants of the process.", [None if t is None else t.workers for t in trees]),
    ]


def _tree(process: ProcessStatus, usage: Usage) -> TreeUsage | None:
    return None if process.pid is None else usage.trees.get(process.pid)


def _jobs(jobs: tuple[JobStatus, ...]) -> list[str]:
    # Not "job": Prometheus gives every series a label of that name itself.
    labels = [(("job_name", job.name),) for job in jobs]

    def each(name: str, kind: str, about: str, values: Sequence[float | None]) -> str:
        return _family(f"cron_{name}", kind, about, list(zip(labels, values)))

    return [
        each("running", "gauge", "1 while the job is running.", [j.pid is not None for j in jobs]),
        each("waiting", "gauge", "Runs that wait for the previous one.", [j.waiting for j in jobs]),
        each("runs_total", "counter", "Started runs.", [j.runs for j in jobs]),
        each("failures_total", "counter", "Failed runs, after all retries.", [j.failures for j in jobs]),
        each(
            "skips_total",
            "counter",
            "Runs skipped because the previous one was still running.",
            [j.skips for j in jobs],
        ),
        each("missed_total", "counter", "Runs missed while the container was paused.", [j.missed for j in jobs]),
        each("retries_total", "counter", "Retries of failed runs.", [j.retries for j in jobs]),
        each(
            "last_start_time_seconds",
            "gauge",
            "Start of the last run, seconds since 1970.",
            [j.last_start for j in jobs],
        ),
        each("last_duration_seconds", "gauge", "Duration of the last run.", [j.last_duration for j in jobs]),
        each(
            "last_exit_status",
            "gauge",
            "Exit status of the last run, 128 + N for signal N.",
            [j.last_status for j in jobs],
        ),
        each(
            "last_success_time_seconds",
            "gauge",
            "End of the last successful run, seconds since 1970; absent before the first.",
            [j.last_success for j in jobs],
        ),
        each("next_run_time_seconds", "gauge", "Time of the next run, seconds since 1970.", [j.upcoming for j in jobs]),
    ]


def _log(log: LogStatus) -> list[str]:
    dropped = [((("destination", name),), float(number)) for name, number in log.dropped]
    return [
        _one("log_lines_total", "counter", "Logged lines.", log.lines),
        _family("log_dropped_lines_total", "counter", "Lines dropped, by destination.", dropped),
        _one(
            "log_syslog_connected",
            "gauge",
            "1 while the syslog socket accepts records; absent without one.",
            log.syslog,
        ),
    ]


def _one(name: str, kind: str, about: str, value: float | None) -> str:
    return _family(name, kind, about, [((), value)])


def _family(name: str, kind: str, about: str, samples: Sequence[Sample]) -> str:
    """Format a family; empty without samples."""
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
