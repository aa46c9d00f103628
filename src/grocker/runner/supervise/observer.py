"""The status of a service, as values. Contract: H1–H3."""

from __future__ import annotations

import os
import time

from ..base.value import TYPE_CHECKING
from ..status.values import RUNNING, STOPPED, STOPPING, WAITING, Check, ProcessStatus, Status

if TYPE_CHECKING:
    from ..contract.spec import Spec
    from ..log.log import Log
    from .readiness import Readiness
    from .supervised_process import SupervisedProcess
    from .supervisor import Supervisor


class ServiceObserver:
    """Asked by the status server. It remembers whether the service has ever been ready."""

    def __init__(self, image: Spec, supervisor: Supervisor, readiness: Readiness, log: Log) -> None:
        self._image = image
        self._supervisor = supervisor
        self._readiness = readiness
        self._log = log
        self._since = time.time()
        self._was_ready = False

    def status(self) -> Status:
        """Return the current status."""
        image, supervisor = self._image, self._supervisor
        main = supervisor.main
        needed = [process for process in supervisor.processes if process is main or process.spec.front]
        ready = tuple(_alive(process) for process in needed)
        if supervisor.stopping:
            ready = (Check(name="stopping", passed=False, text="the container is stopping"), *ready)
        ready = (*ready, self._check_readiness(main))
        self._was_ready = self._was_ready or all(check.passed for check in ready)
        return Status(
            application=image.name,
            version=image.version,
            grocker=image.grocker,
            contract=image.contract,
            service=supervisor.name,
            since=self._since,
            now=time.time(),
            stopping=supervisor.stopping,
            live=(_alive(main),),
            ready=ready,
            was_ready=self._was_ready,
            processes=tuple(_process_status(process) for process in supervisor.processes),
            log=self._log.status(),
            host=os.uname().nodename,
        )

    def _check_readiness(self, main: SupervisedProcess) -> Check:
        """Return the check, with the reason if the application could not be loaded at the last attempt."""
        check = self._readiness.check()
        if check.passed or not main.load_failure:
            return check
        text = f"the application cannot be loaded: {main.load_failure}"
        return Check(name=check.name, passed=False, text=text)


def _alive(process: SupervisedProcess) -> Check:
    texts = {
        RUNNING: "running",
        STOPPING: "stopping",
        STOPPED: "stopped",
        WAITING: f"exited with status {process.last_exit}, restarting",
    }
    return Check(name=f"process {process.spec.name}", passed=bool(process.pid), text=texts[process.state])


def _process_status(process: SupervisedProcess) -> ProcessStatus:
    return ProcessStatus(
        name=process.spec.name,
        state=process.state,
        pid=process.pid or None,
        started=process.started if process.pid else None,
        starts=process.starts,
        restarts=process.restarts,
        recycled=process.recycled,
        recent_restarts=process.recent_restarts,
        last_exit=process.last_exit,
        command=process.spec.program.arguments,
    )
