"""``start SERVICE``, from the service's definition to supervised processes. Contract: E1, E2, P1, P2, H1, V4."""

from __future__ import annotations

import os

from ..base.failure import StopRequested
from ..base.value import TYPE_CHECKING
from ..contract.spec import NOTIFY
from ..log.log import OUTPUT_SHARE, Log
from ..process.child import adopt_orphans
from ..process.listeners import restore_unix_name
from ..process.signals import Interruptible, block_signals
from ..servers import stop_deadline
from . import readiness
from .process_specs import plan_processes
from .startup import prepare_startup
from .supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..contract.names import ContainerLayout
    from ..contract.spec import Service, Spec
    from ..process.loop import Loop
    from ..status.server import StatusServer
    from .process_specs import ServiceProcesses
    from .readiness import Readiness
    from .startup import Startup
    from .supervised_process import SupervisedProcess

_DRAIN = 1.0  # seconds to write the last output, once everything has stopped


def run_service(image: Spec, name: str, service: Service, layout: ContainerLayout, mask: set[int]) -> int:
    """Prepare, start and supervise; return the container's exit status. Raises Failure: 69, 73, 78, 126, 127."""
    try:
        with Interruptible():
            startup = prepare_startup(image, name, service, layout, mask)
    except StopRequested:
        return 0  # stopped in time
    block_signals()
    if os.getpid() != 1:
        adopt_orphans()
    supervisor = Supervisor(name, startup.stop_timeout)
    with supervisor.loop as loop, Log(loop, image.name, name, startup.environ, socket=layout.syslog) as log:
        result = _supervise(startup, supervisor, log)
        log.drain(_DRAIN)
    return result


def _supervise(startup: Startup, supervisor: Supervisor, log: Log) -> int:
    loop = supervisor.loop
    ready, environ = _readiness(startup, loop)
    processes = plan_processes(startup, ready, environ, log)

    def changed(process: SupervisedProcess) -> None:
        if not process.pid:
            return
        for channel in processes.channels[process.spec.name]:
            channel.pid = process.pid
        if process is supervisor.main:
            ready.started()
            if startup.upstream is not None:
                restore_unix_name(startup.layout.upstream)
            if process.starts == 1:
                _start_recycling(startup, processes, process, loop)

    def stopping() -> None:
        stop_deadline.announce(startup.layout.scratch, supervisor.deadline)
        ready.close()
        loop.after(startup.stop_timeout * OUTPUT_SHARE, log.discard_pending)
        for listener in startup.sockets:
            listener.close()  # the service has its own: no client may wait here for an answer that never comes

    def last_lines(name: str) -> Sequence[str]:
        for channel in processes.channels[name]:
            channel.take_all()  # the loop has not read its last words yet
        return log.tail(name)

    supervisor.on_change, supervisor.on_stop, supervisor.last_lines = changed, stopping, last_lines
    servers: list[StatusServer] = []

    def start_status_server() -> None:
        # Imported while the service starts by itself: nothing waits for these modules.
        from ..status.server import StatusServer
        from .observer import ServiceObserver

        servers.append(
            StatusServer(
                loop,
                startup.status_port.sockets,
                ServiceObserver(startup.image, supervisor, ready, log).status,
                token=startup.status_port.token,
                tail=log.tail,
                scrape_path=startup.service.metrics,
                application_port=startup.layout.application_port,
            )
        )

    loop.after(0.0, start_status_server)
    try:
        return supervisor.run((processes.main, *processes.others))
    finally:
        for server in servers:
            server.close()


def _start_recycling(startup: Startup, processes: ServiceProcesses, main: SupervisedProcess, loop: Loop) -> None:
    """Recycle workers that have a memory limit; a command has one only if it is declared."""
    from . import recycling  # it looks for the first time after some seconds

    service = startup.service
    if service.command is None or service.memory is not None:
        limit = recycling.memory_limit(service.memory, startup.limits, processes.workers)
        if limit is not None:
            recycling.Recycling(
                loop, main, limit, main_is_worker=processes.main_is_worker, stop_timeout=startup.stop_timeout
            )


def _readiness(startup: Startup, loop: Loop) -> tuple[Readiness, Mapping[str, str]]:
    """Return how the service's readiness is found out, and the main process's environment."""
    service, environ, layout = startup.service, startup.environ, startup.layout
    if service.ready == NOTIFY:
        notified = readiness.NotifyReadiness(loop, layout.notify, environ.get("NOTIFY_SOCKET"))
        return notified, {**environ, "NOTIFY_SOCKET": layout.notify}
    if service.ready is not None:
        from ..status.loopback_request import send_request

        return readiness.PathReadiness(loop, service.ready, layout.application_port, request=send_request), environ
    if service.command is not None:
        return readiness.PortReadiness(layout.application_port), environ
    return readiness.PipeReadiness(loop), environ
