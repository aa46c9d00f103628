"""All that a service needs before its first process, and all that can be wrong with it. Contract: C1–C5, P1, P2."""

from __future__ import annotations

import os

from ..base.value import TYPE_CHECKING, Value
from ..contract.services import stop_timeout
from ..contract.spec import GRANIAN
from ..prepare.environment import PORT
from ..prepare.preparation import prepare
from ..process import container_limits
from ..process.listeners import open_sockets, open_unix
from ..process.program import Program, find
from ..servers import trusted_proxies
from ..status.port import open_port

if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Mapping

    from ..contract.paths import Places
    from ..contract.spec import Service, Spec
    from ..process.container_limits import Limits
    from ..status.port import Port


class Start(Value):
    """What is known before the first process. ``mask``: signals that it shall have blocked; ``timeout``: seconds that
    the container has for stopping; ``sockets``: of 8080; ``upstream``: of the server when nginx is in front of it;
    ``trusted``: networks (X1); ``supervised``: 8081; ``programs``: of commands, by the process's name.
    """

    image: Spec
    name: str
    service: Service
    places: Places
    mask: set[int]
    timeout: float
    environ: Mapping[str, str]
    sockets: tuple[socket, ...]
    upstream: socket | None
    trusted: tuple[str, ...]
    supervised: Port
    programs: Mapping[str, Program]
    limits: Limits


def begin(image: Spec, name: str, service: Service, places: Places, mask: set[int]) -> Start:
    """Nothing runs yet. Raises Failure: 69, 73, 78, 126, 127."""
    timeout = stop_timeout(os.environ.get("GROCKER_STOP_TIMEOUT"))
    environ = prepare(image, os.environ, places, service=name)
    commands = {**({name: service.command} if service.command is not None else {}), **service.processes}
    return Start(
        image=image,
        name=name,
        service=service,
        places=places,
        mask=mask,
        timeout=timeout,
        environ=environ,
        sockets=_sockets(service),
        upstream=open_unix(places.upstream) if service.front else None,
        trusted=trusted_proxies.trusted(environ) if service.command is None else (),
        supervised=open_port(environ, places),
        programs={process: _command(line, environ) for process, line in commands.items()},
        limits=container_limits.limits(),
    )


def _sockets(service: Service) -> tuple[socket, ...]:
    """Of 8080; a command opens its own. Raises Failure (69)."""
    if service.command is not None:
        return ()
    return tuple(open_sockets(int(PORT), one=service.server == GRANIAN and not service.front))


def _command(line: tuple[str, ...] | str, environ: Mapping[str, str]) -> Program:
    """The program of a command service, or of a companion. Raises Failure (126, 127)."""
    if isinstance(line, str):
        return Program(path="/bin/sh", arguments=("/bin/sh", "-c", line))
    # Operators' scripts do not stand in for the application's own commands: only E5 looks among them.
    return find(line, environ.get("PATH", os.defpath), scripts="")
