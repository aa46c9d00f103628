"""The status of ``cron`` and its jobs, and the status port that shows it. Contract: H1–H3, K4, P2."""

from __future__ import annotations

import os
import time

from ..base.value import TYPE_CHECKING
from ..status.port import open_status_port
from ..status.server import StatusServer, most_connections
from ..status.values import Check, JobStatus, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..contract.names import ContainerLayout
    from ..contract.spec import Spec
    from .job import Job
    from .scheduler import Scheduler

SERVICE = "cron"
_STEP = 1.0  # seconds
_NEVER = float("inf")


class CronObserver:
    """Asked by the status server. The crontab is loaded before the scheduler exists, so ``cron`` is always ready."""

    def __init__(self, image: Spec, scheduler: Scheduler) -> None:
        self._image = image
        self._scheduler = scheduler
        self._since = time.time()
        self._upcoming: dict[int, float] = {}
        self._offset = 0.0

    def probed(self) -> Status:
        """Return the current status without jobs: a crontab may have thousands, and a probe comes every second."""
        return self._status(())

    def status(self) -> Status:
        """Return the current status."""
        now = time.time()
        offset = now - time.monotonic()
        if abs(offset - self._offset) > _STEP:  # the clock was set
            self._upcoming.clear()
            self._offset = offset
        jobs = enumerate(self._scheduler.jobs)
        return self._status(tuple(job_status(job, self._next(place, now)) for place, job in jobs))

    def _next(self, place: int, now: float) -> float | None:
        """Return when a job is due next; computed again only when that time has passed."""
        known = self._upcoming.get(place, 0.0)
        if known <= now:
            found = self._scheduler.upcoming(place)
            known = self._upcoming[place] = _NEVER if found is None else found
        return None if known == _NEVER or self._scheduler.stopping else known

    def _status(self, jobs: tuple[JobStatus, ...]) -> Status:
        image, scheduler = self._image, self._scheduler
        number = len(scheduler.jobs)
        loaded = Check(name="crontab", passed=True, text=f"loaded, {number} job{'' if number == 1 else 's'}")
        ready: tuple[Check, ...] = (loaded,)
        if scheduler.stopping:
            ready = (Check(name="stopping", passed=False, text="the container is stopping"), loaded)
        return Status(
            application=image.name,
            version=image.version,
            grocker=image.grocker,
            contract=image.contract,
            service=SERVICE,
            since=self._since,
            now=time.time(),
            stopping=scheduler.stopping,
            live=(Check(name="scheduler", passed=True, text="running"),),
            ready=ready,
            was_ready=True,
            jobs=jobs,
            log=scheduler.log.status(),
            host=os.uname().nodename,
        )


def job_status(job: Job, upcoming: float | None) -> JobStatus:
    """``upcoming``: when it is due next, in seconds since 1970."""
    return JobStatus(
        name=job.name,
        line=job.entry.line,
        schedule=job.entry.schedule,
        pid=job.run.process.pid if job.run is not None else None,
        waiting=job.queued + job.replacing + job.held,
        runs=job.runs,
        failures=job.failures,
        skips=job.skips,
        missed=job.missed,
        retries=job.retries,
        last_start=job.last_start,
        last_duration=job.last_duration,
        last_status=job.last_status,
        last_success=job.last_success,
        upcoming=upcoming,
        command=job.entry.command,
    )


def status_server(image: Spec, layout: ContainerLayout) -> Callable[[Scheduler], None]:
    """Return the scheduler's ``on_start``, which opens the status port and raises Failure (69, 78)."""
    most = most_connections()  # before the scheduler raises its own limit of descriptors

    def start(scheduler: Scheduler) -> None:
        port = open_status_port(os.environ, layout)
        observer = CronObserver(image, scheduler)
        StatusServer(
            scheduler.loop,
            port.sockets,
            observer.status,
            probed=observer.probed,
            token=port.token,
            tail=scheduler.log.tail,
            most=most,
        )

    return start
