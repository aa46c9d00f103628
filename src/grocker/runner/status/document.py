"""The status as JSON: ``/status.json``. Contract: H3, H4. Pure.

docs/reference/supervision.md describes the members; new ones may be added, none is ever renamed.
"""

from __future__ import annotations

from ..base.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .usage import Usage
    from .values import Check, JobStatus, ProcessStatus, Status

TYPE = "application/json"


def text(status: Status, usage: Usage, tails: Mapping[str, Sequence[str]] | None) -> str:
    """Return one line of ASCII. ``tails``: last log lines by writer, for holders of the token only, who also get
    process ids and command lines.
    """
    full = tails is not None
    document: dict[str, object] = {
        "application": {"name": status.application, "version": status.version},
        "grocker": status.grocker,
        "contract": status.contract,
        "service": status.service,
        "host": status.host,
        "now": _rounded(status.now),
        "since": _rounded(status.since),
        "live": all(check.passed for check in status.live),
        "ready": all(check.passed for check in status.ready),
        "started": status.was_ready,
        "stopping": status.stopping,
        "checks": {"live": _checks(status.live), "ready": _checks(status.ready)},
        "processes": [_process(process, usage, full) for process in status.processes],
        "jobs": [_job(job, full) for job in status.jobs],
        "log": {"lines": status.log.lines, "dropped": dict(status.log.dropped), "syslog": status.log.syslog},
        "container": {"memory": usage.memory, "memory_limit": usage.memory_limit, "oom_kills": usage.oom_kills},
        "runner": {
            "cpu_seconds": _rounded(usage.runner.cpu),
            "memory": usage.runner.memory,
            "open_files": usage.runner.open_files,
        },
    }
    if tails is not None:
        document["tails"] = {name: [_plain(line) for line in lines] for name, lines in tails.items()}
    import json  # takes a megabyte, on demand only

    return json.dumps(document, separators=(",", ":")) + "\n"


def _checks(checks: tuple[Check, ...]) -> list[object]:
    return [{"name": _plain(check.name), "passed": check.passed, "text": _plain(check.text)} for check in checks]


def _process(process: ProcessStatus, usage: Usage, full: bool) -> dict[str, object]:
    tree = None if process.pid is None else usage.trees.get(process.pid)
    found: dict[str, object] = {
        "name": _plain(process.name),
        "state": process.state,
        "started": _rounded(process.started),
        "starts": process.starts,
        "restarts": process.restarts,
        "recycled": process.recycled,
        "recent_restarts": process.recent_restarts,
        "last_exit": process.last_exit,
        "cpu_seconds": tree and _rounded(tree.cpu),
        "memory": tree and tree.memory,
        "open_files": tree and tree.open_files,
        "workers": tree and tree.workers,
    }
    if full:
        found["pid"] = process.pid
        found["command"] = [_plain(argument) for argument in process.command]
    return found


def _job(job: JobStatus, full: bool) -> dict[str, object]:
    found: dict[str, object] = {
        "name": _plain(job.name),
        "line": job.line,
        "schedule": _plain(job.schedule),
        "state": job.state,
        "waiting": job.waiting,
        "runs": job.runs,
        "failures": job.failures,
        "skips": job.skips,
        "missed": job.missed,
        "retries": job.retries,
        "last_start": _rounded(job.last_start),
        "last_duration": _rounded(job.last_duration),
        "last_status": job.last_status,
        "last_success": _rounded(job.last_success),
        "next_run": job.upcoming,
    }
    if full:
        found["pid"] = job.pid
        found["command"] = _plain(job.command)
    return found


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _plain(value: str) -> str:
    """Replace bytes that were not UTF-8 by U+FFFD: most JSON readers reject lone surrogates."""
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
