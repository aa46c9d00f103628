"""From a service of the image to supervised processes. Contract: E1, E2, P1, P2, H1, V4."""

from __future__ import annotations

import os

from ..base.failure import Asked
from ..base.value import TYPE_CHECKING
from ..contract.spec import NOTIFY
from ..log.log import READER, Log
from ..prepare.environment import PORT
from ..process.child import adopt_orphans
from ..process.listeners import restore_unix
from ..process.signals import Interruptible, hold
from . import readiness
from .process_specs import parts
from .startup import begin
from .supervisor import Supervision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..contract.paths import Places
    from ..contract.spec import Service, Spec
    from ..process.loop import Loop
    from ..status.server import StatusServer
    from .process_specs import Parts
    from .readiness import Readiness
    from .startup import Start
    from .supervised_process import Process

_DRAIN = 1.0  # seconds for what was said last to be written, once everything has ended


def serve(image: Spec, name: str, service: Service, places: Places, mask: set[int]) -> int:
    """Prepares, starts, supervises; the container's exit status. Raises Failure: 69, 73, 78, 126, 127."""
    try:
        with Interruptible():
            start = begin(image, name, service, places, mask)
    except Asked:
        return 0  # asked to stop, and stopped in time
    hold()
    if os.getpid() != 1:
        adopt_orphans()
    supervision = Supervision(name, start.timeout)
    with supervision.loop as loop, Log(loop, image.name, name, start.environ) as log:
        result = _run(start, supervision, log)
        log.drain(_DRAIN)
    return result


def _run(start: Start, supervision: Supervision, log: Log) -> int:
    service, loop = start.service, supervision.loop
    ready, environ = _readiness(start, loop)
    made = parts(start, ready, environ, log)

    def changed(process: Process) -> None:
        if not process.pid:
            return
        for channel in made.channels[process.part.name]:
            channel.pid = process.pid
        if process is supervision.main:
            ready.started()
            if start.upstream is not None:
                restore_unix(start.places.upstream)
            if process.starts == 1:
                _recycle(start, made, process, loop)

    def stopping() -> None:
        ready.close()
        loop.after(start.timeout * READER, log.let_go)
        for listener in start.sockets:
            listener.close()  # the service has its own; nobody shall wait for a connection that is never answered

    supervision.on_change, supervision.on_stop = changed, stopping
    servers: list[StatusServer] = []

    def answer() -> None:
        # Imported while the service starts on its own: nobody waits for these modules.
        from ..status.server import StatusServer
        from .observer import Observer

        servers.append(
            StatusServer(
                loop,
                start.supervised.sockets,
                Observer(start.image, supervision, ready, log).status,
                token=start.supervised.token,
                tail=log.tail,
                scrape_path=service.metrics,
            )
        )

    loop.after(0.0, answer)
    try:
        return supervision.run((made.main, *made.others))
    finally:
        for server in servers:
            server.close()


def _recycle(start: Start, made: Parts, process: Process, loop: Loop) -> None:
    """From now on, where workers have a limit: a command's one only where it is declared."""
    from . import recycling  # it looks for the first time in some seconds

    service = start.service
    if service.command is None or service.memory is not None:
        most = recycling.limit(service.memory, start.limits, made.workers)
        if most is not None:
            recycling.Recycling(loop, process, most, own=made.own, seconds=start.timeout)


def _readiness(start: Start, loop: Loop) -> tuple[Readiness, Mapping[str, str]]:
    """How it is known, and the main process's environment."""
    service, environ = start.service, start.environ
    if service.ready == NOTIFY:
        path = f"{start.places.scratch}/notify"
        notified = readiness.Notified(loop, path, environ.get("NOTIFY_SOCKET"))
        return notified, {**environ, "NOTIFY_SOCKET": path}
    if service.ready is not None:
        from ..status.loopback_request import request

        return readiness.Path(loop, service.ready, request), environ
    if service.command is not None:
        return readiness.Port(int(PORT)), environ
    return readiness.Told(loop), environ
