"""Everything that a service needs before its first process, and everything that can be wrong with it.

Contract: C1–C5, P1, P2.
"""

from __future__ import annotations

import os

from ..base.failure import CONFIGURATION, Failure
from ..base.value import TYPE_CHECKING, Value
from ..contract.names import GROCKER_STOP_TIMEOUT
from ..contract.services import parse_stop_timeout
from ..prepare.preparation import prepare
from ..process import container_limits
from ..process.listeners import open_listeners, open_unix_listener
from ..process.program import Program, find_program
from ..servers import stop_deadline
from ..servers.trusted_proxies import trusted_proxies
from ..status.port import open_status_port

if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Mapping

    from ..contract.names import ContainerLayout
    from ..contract.spec import Service, Spec
    from ..process.container_limits import ContainerLimits
    from ..status.port import StatusPort


class Startup(Value):
    """What is known before the first process.

    ``mask``: signals to block in processes; ``stop_timeout``: seconds that the container has for stopping; ``sockets``:
    of the application port; ``upstream``: the server's, when nginx is in front of it; ``trusted``: networks (X1);
    ``programs``: of commands, by process name.
    """

    image: Spec
    name: str
    service: Service
    layout: ContainerLayout
    mask: set[int]
    stop_timeout: float
    environ: Mapping[str, str]
    sockets: tuple[socket, ...]
    upstream: socket | None
    trusted: tuple[str, ...]
    status_port: StatusPort
    programs: Mapping[str, Program]
    limits: ContainerLimits


def prepare_startup(image: Spec, name: str, service: Service, layout: ContainerLayout, mask: set[int]) -> Startup:
    """Prepare the container and open its ports; start nothing. Raises Failure: 69, 73, 78, 126, 127."""
    stop_timeout = parse_stop_timeout(os.environ.get(GROCKER_STOP_TIMEOUT))
    environ = prepare(image, os.environ, layout, service=name)
    if service.directory is not None and not os.path.isdir(service.directory):
        raise Failure(
            CONFIGURATION, f"{name}: its working directory {service.directory} does not exist; mount or create it"
        )
    stop_deadline.reserve(layout.scratch)
    commands = {**({name: service.command} if service.command is not None else {}), **service.processes}
    return Startup(
        image=image,
        name=name,
        service=service,
        layout=layout,
        mask=mask,
        stop_timeout=stop_timeout,
        environ=environ,
        sockets=_open_sockets(service, layout.application_port),
        upstream=open_unix_listener(layout.upstream) if service.front else None,
        trusted=trusted_proxies(environ) if service.command is None else (),
        status_port=open_status_port(environ, layout),
        programs={process: _find_command(line, environ) for process, line in commands.items()},
        limits=container_limits.read_limits(),
    )


def _open_sockets(service: Service, port: int) -> tuple[socket, ...]:
    """Open the application port; a command opens it itself. Raises Failure (69)."""
    if service.command is not None:
        return ()
    return tuple(open_listeners(port, single=service.server_traits.single_socket and not service.front))


def _find_command(line: tuple[str, ...] | str, environ: Mapping[str, str]) -> Program:
    """Return the program of a command service, or of a companion. Raises Failure (126, 127)."""
    if isinstance(line, str):
        return Program(path="/bin/sh", arguments=("/bin/sh", "-c", line))
    # Operators' scripts do not replace the application's own commands: only E5 looks for them.
    return find_program(line, environ.get("PATH", os.defpath), scripts="")
