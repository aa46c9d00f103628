"""Made-up statuses with something of everything in them: what 8081 tells in tests and in the pictures of the manual."""

from __future__ import annotations

import time

from grocker.runner.log.log import LogStatus
from grocker.runner.status.usage import TreeUsage, Usage
from grocker.runner.status.values import RUNNING, WAITING, Check, JobStatus, ProcessStatus, Status

DAY = 86400
SECRET_ARGUMENT = "--password=hunter2"


def service_status(now: float, began: float, *, ready: bool = True, stopping: bool = False) -> Status:
    """A service that has been up for three days and has seen something. ``began``: when the test did."""
    checks: tuple[Check, ...] = (
        Check(name="process nginx", passed=True, text="runs"),
        Check(name="ready", passed=ready, text="a worker serves the application" if ready else "/ does not answer"),
    )
    if stopping:
        checks = (Check(name="stopping", passed=False, text="the container is stopping"), *checks)
    return Status(
        application="polls-site",
        version="4.2.1",
        grocker="9.0.0",
        contract=1,
        service="www",
        since=began - 3.17 * DAY,
        now=now,
        stopping=stopping,
        live=(Check(name="process www", passed=True, text="runs"),),
        ready=checks,
        was_ready=True,
        processes=(
            ProcessStatus(
                name="www",
                state=RUNNING,
                pid=7,
                started=began - 0.35 * DAY,
                starts=2,
                restarts=1,
                recycled=3,
                last_exit=137,
                command=("/opt/venv/bin/python", "-m", "gunicorn", SECRET_ARGUMENT, "polls.wsgi:application"),
            ),
            ProcessStatus(
                name="nginx",
                state=RUNNING,
                pid=8,
                started=began - 3.17 * DAY,
                starts=1,
                restarts=0,
                command=("/usr/sbin/nginx",),
            ),
            ProcessStatus(name="worker", state=WAITING, pid=None, started=None, starts=4, restarts=3, last_exit=1),
        ),
        log=LogStatus(lines=184233, dropped=(("syslog", 12),), syslog=True),
    )


def job_status(name: str, line: int, schedule: str, **known: object) -> JobStatus:
    """A job; what is not ``known`` has not happened."""
    nothing: dict[str, object] = dict.fromkeys(
        ("pid", "last_start", "last_duration", "last_status", "last_success", "upcoming")
    )
    counters = dict.fromkeys(("waiting", "runs", "failures", "skips", "missed", "retries"), 0)
    fields = {**nothing, **counters, "command": f"polls {name} {SECRET_ARGUMENT}", **known}
    return JobStatus(name=name, line=line, schedule=schedule, **fields)  # type: ignore[arg-type]


def cron_status(now: float, began: float, *, ready: bool = True, stopping: bool = False) -> Status:
    """A scheduler with a job in each state."""
    jobs = (
        job_status(
            "tidy-sessions",
            3,
            "*/10 * * * *",
            runs=457,
            last_start=began - 252,
            last_duration=1.43,
            last_status=0,
            last_success=began - 250.5,
            upcoming=began + 348,
        ),
        job_status(
            "nightly-report",
            5,
            "30 4 * * mon-fri",
            runs=3,
            failures=1,
            retries=2,
            last_start=began - 58000,
            last_duration=734.0,
            last_status=1,
            last_success=began - 144000,
            upcoming=began + 28400,
        ),
        job_status(
            "import-feeds",
            6,
            "*/5 * * * *",
            pid=93,
            runs=914,
            skips=4,
            last_start=began - 71,
            last_duration=48.2,
            last_status=0,
            last_success=began - 320,
            upcoming=began + 229,
        ),
        job_status("invoices", 9, "0 9 1 * *", upcoming=began + 760000),
        job_status(
            "search-index",
            10,
            "@hourly",
            runs=76,
            failures=2,
            missed=2,
            last_start=began - 1852,
            last_duration=95.0,
            last_status=0,
            last_success=began - 1757,
            upcoming=began + 1748,
        ),
        job_status(
            "warm-cache",
            12,
            "@reboot",
            runs=1,
            last_start=began - 3.17 * DAY,
            last_duration=8.4,
            last_status=0,
            last_success=began - 3.16 * DAY,
        ),
    )
    loaded = Check(name="crontab", passed=ready, text=f"loaded, {len(jobs)} jobs")
    stop = (Check(name="stopping", passed=False, text="the container is stopping"),) if stopping else ()
    return Status(
        application="polls-site",
        version="4.2.1",
        grocker="9.0.0",
        contract=1,
        service="cron",
        since=began - 3.17 * DAY,
        now=now,
        stopping=stopping,
        live=(Check(name="scheduler", passed=True, text="runs"),),
        ready=(*stop, loaded),
        was_ready=True,
        jobs=jobs,
        log=LogStatus(lines=20417, syslog=True),
    )


def usage(began: float) -> Usage:
    """What the processes of :func:`service_status` use."""
    return Usage(
        trees={
            7: TreeUsage(cpu=1834.2 + time.time() - began, memory=291 << 20, open_files=148, workers=5),
            8: TreeUsage(cpu=92.5, memory=14 << 20, open_files=61, workers=2),
        },
        runner=TreeUsage(cpu=2.31, memory=15 << 20, open_files=21, workers=0),
        memory=342 << 20,
        memory_limit=768 << 20,
        oom_kills=1,
    )


def tail(name: str | None) -> list[str]:
    """Made-up log lines; nobody has an access log."""
    if name is None:
        return ["www: killed by SIGKILL; restarting in 0.5 s (1 of 5 in 60 s)"]
    return [] if name.endswith(" access") else [f"{name}: line {number} <&> \N{SNOWMAN}" for number in range(3)]
