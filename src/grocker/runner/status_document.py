"""Status as JSON: ``/status.json``. Contract: H3, H4. Pure.

docs/reference/supervision.md describes the members; they are added to, never renamed.
"""

from __future__ import annotations

from .value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .status import Check, JobStatus, ProcessStatus, Status
    from .usage import Usage

TYPE = "application/json"


def text(status: Status, usage: Usage, tails: Mapping[str, Sequence[str]] | None) -> str:
    """One line of ASCII. ``tails``: last log lines by who wrote them, for a holder of the token, who gets process ids
    and command lines too.
    """
    full = tails is not None
    document: dict[str, object] = {
        "application": {"name": status.application, "version": status.version},
        "grocker": status.grocker,
        "contract": status.contract,
        "service": status.service,
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
        document["tails"] = {name: list(lines) for name, lines in tails.items()}
    return encode(document) + "\n"


def _checks(checks: tuple[Check, ...]) -> list[object]:
    return [{"name": check.name, "passed": check.passed, "text": check.text} for check in checks]


def _process(process: ProcessStatus, usage: Usage, full: bool) -> dict[str, object]:
    tree = None if process.pid is None else usage.trees.get(process.pid)
    found: dict[str, object] = {
        "name": process.name,
        "state": process.state,
        "started": _rounded(process.started),
        "starts": process.starts,
        "restarts": process.restarts,
        "recycled": process.recycled,
        "last_exit": process.last_exit,
        "cpu_seconds": tree and _rounded(tree.cpu),
        "memory": tree and tree.memory,
        "open_files": tree and tree.open_files,
        "workers": tree and tree.workers,
    }
    if full:
        found["pid"] = process.pid
        found["command"] = list(process.command)
    return found


def _job(job: JobStatus, full: bool) -> dict[str, object]:
    found: dict[str, object] = {
        "name": job.name,
        "line": job.line,
        "schedule": job.schedule,
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
        found["command"] = job.command
    return found


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def encode(value: object) -> str:
    """JSON of strings, numbers, booleans, None, lists and dictionaries: ``json`` takes a megabyte."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_string(str(key))}:{encode(inside)}" for key, inside in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(encode(inside) for inside in value) + "]"
    return _string(str(value))


def _string(value: str) -> str:
    return '"' + "".join(_ESCAPES.get(c) or (c if " " <= c <= "~" else _escaped(c)) for c in value) + '"'


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _escaped(character: str) -> str:
    """RFC 8259, section 7; bytes that were not UTF-8 as U+FFFD."""
    if "\ud800" <= character <= "\udfff":
        character = "\ufffd"
    return "".join(f"\\u{unit:04x}" for unit in memoryview(character.encode("utf-16-le")).cast("H"))
