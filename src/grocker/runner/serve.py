"""From a service of the image to a supervised process. Contract: E1, E2, P1."""

from __future__ import annotations

import os
import signal

from . import asgi_server, container_limits, wsgi_server
from .child import adopt_orphans, terminal
from .environment import PORT
from .failure import Asked
from .listening import open_sockets
from .prepare import prepare
from .process import Part
from .program import Program, find
from .services import stop_timeout
from .signals import Interruptible, hold
from .supervision import Supervision
from .value import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from .places import Places
    from .spec import Service, Spec


def serve(image: Spec, name: str, service: Service, places: Places, mask: set[int]) -> int:
    """Prepares, starts, supervises; the container's exit status. Raises Failure: 69, 73, 78, 126, 127."""
    try:
        with Interruptible():
            timeout = stop_timeout(os.environ.get("GROCKER_STOP_TIMEOUT"))
            environ = prepare(image, os.environ, places, service=name)
            sockets = open_sockets(int(PORT)) if service.command is None else []
            program = _program(service, environ, places, sockets, timeout)
    except Asked:
        return 0  # asked to stop, and stopped in time
    hold()
    if os.getpid() != 1:
        adopt_orphans()
    main = Part(
        name=name,
        program=program,
        environ=environ,
        directory=image.user.home,
        stop_signal=signal.Signals[f"SIG{service.stop_signal}"],
        restart=service.restart,
        mask=mask,
        keep=tuple(listener.fileno() for listener in sockets),
        terminal=terminal(),
    )

    def close() -> None:
        for listener in sockets:
            listener.close()  # the service has its own; nobody shall wait for a connection that is never answered

    supervision = Supervision(name, timeout)
    supervision.on_stop = close
    with supervision.loop:
        return supervision.run((main,))


def _program(
    service: Service, environ: Mapping[str, str], places: Places, sockets: list[socket.socket], timeout: float
) -> Program:
    command = service.command
    if command is None:
        beside = os.path.dirname(__file__)
        listening = [listener.fileno() for listener in sockets]
        limits = container_limits.limits()
        if service.asgi is not None:
            return asgi_server.program(
                service,
                venv=places.venv,
                starter=os.path.join(beside, "asgi_starter.py"),
                sockets=listening,
                limits=limits,
                stop_timeout=timeout,
                environ=environ,
            )
        return wsgi_server.program(
            service,
            venv=places.venv,
            hooks=os.path.join(beside, "server_hooks.py"),
            sockets=listening,
            limits=limits,
            stop_timeout=timeout,
            environ=environ,
        )
    if isinstance(command, str):
        return Program(path="/bin/sh", arguments=("/bin/sh", "-c", command))
    # Operators' scripts do not stand in for the application's own commands: only E5 looks among them.
    return find(command, environ.get("PATH", os.defpath), scripts="")
