"""What ``start`` knows of its service, as values. Contract: H1–H3."""

from __future__ import annotations

import time

from ..base.value import TYPE_CHECKING
from ..status import values as status
from ..status.values import Check, ProcessStatus, Status

if TYPE_CHECKING:
    from ..contract.spec import Spec
    from ..log.log import Log
    from .readiness import Readiness
    from .supervised_process import Process
    from .supervisor import Supervision


class Observer:
    """Asked by 8081. It remembers whether the service ever was ready."""

    def __init__(self, image: Spec, supervision: Supervision, readiness: Readiness, log: Log) -> None:
        self._image = image
        self._supervision = supervision
        self._readiness = readiness
        self._log = log
        self._since = time.time()
        self._was_ready = False

    def status(self) -> Status:
        """As things are now."""
        image, supervision = self._image, self._supervision
        main = supervision.main
        needed = [process for process in supervision.processes if process is main or process.part.front]
        ready = tuple(_alive(process) for process in needed)
        if supervision.stopping:
            ready = (Check(name="stopping", passed=False, text="was asked to stop"), *ready)
        ready = (*ready, self._readiness.check())
        self._was_ready = self._was_ready or all(check.passed for check in ready)
        return Status(
            application=image.name,
            version=image.version,
            grocker=image.grocker,
            contract=image.contract,
            service=supervision.name,
            since=self._since,
            now=time.time(),
            stopping=supervision.stopping,
            live=(_alive(main),),
            ready=ready,
            was_ready=self._was_ready,
            processes=tuple(_process(process) for process in supervision.processes),
            log=self._log.status(),
        )


def _alive(process: Process) -> Check:
    texts = {
        status.RUNNING: "runs",
        status.STOPPING: "ends",
        status.STOPPED: "has ended",
        status.WAITING: f"ended with status {process.last_exit}, is started again",
    }
    return Check(name=f"process {process.part.name}", passed=bool(process.pid), text=texts[process.state])


def _process(process: Process) -> ProcessStatus:
    return ProcessStatus(
        name=process.part.name,
        state=process.state,
        pid=process.pid or None,
        started=process.started if process.pid else None,
        starts=process.starts,
        restarts=process.restarts,
        recycled=process.recycled,
        last_exit=process.last_exit,
        command=process.part.program.arguments,
    )
