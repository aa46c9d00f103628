"""Which processes a service consists of, and what each of them is given. Contract: E2, P1, V4."""

from __future__ import annotations

import os

from ..base.c_modules import signal
from ..base.value import TYPE_CHECKING, Value
from ..contract.spec import FRONT, GRANIAN
from ..prepare.environment import PORT
from ..process.child import terminal
from ..servers.context import READY, Given, workers
from . import readiness
from .supervised_process import Part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..contract.spec import Service
    from ..log.channel import Channel
    from ..log.log import Log
    from ..process.program import Program
    from .readiness import Readiness
    from .startup import Start


class Parts(Value):
    """``channels``: what each writes to, by its name. ``workers``: processes that answer requests; ``own``: the main
    process is the one of them.
    """

    main: Part
    others: tuple[Part, ...]
    channels: Mapping[str, tuple[Channel, ...]]
    workers: int
    own: bool


def parts(start: Start, ready: Readiness, environ: Mapping[str, str], log: Log) -> Parts:
    """What is to run. ``environ``: the main process's. Raises Failure: 73, 78."""
    service = start.service
    channels: dict[str, tuple[Channel, ...]] = {
        name: (log.channel(name, error=False), log.channel(name, error=True))
        for name in (start.name, *service.processes)
    }
    companions = tuple(_part(start, name, start.programs[name], start.environ, channels) for name in service.processes)
    if service.command is not None:
        main = _part(start, start.name, start.programs[start.name], environ, channels)
        return Parts(main=main, others=companions, channels=channels, workers=1, own=True)
    access = log.channel(start.name, error=False, access=True)
    told = ready.descriptor if isinstance(ready, readiness.Told) else os.open(os.devnull, os.O_WRONLY)
    given = _given(start, told, access.descriptor, tuple(listener.fileno() for listener in start.sockets))
    front: tuple[Part, ...] = ()
    if start.upstream is not None:
        channels[FRONT] = (log.channel(FRONT, error=False), log.channel(FRONT, error=True), access)
        front = (_front(start, given, channels),)
        given = _given(start, told, -1, (start.upstream.fileno(),))
    else:
        channels[start.name] += (access,)
    environ = {**environ, READY: str(given.ready)}
    count = workers(service, given)
    return Parts(
        main=_part(start, start.name, _server(service, given), environ, channels, keep=given.kept),
        others=front + companions,
        channels=channels,
        workers=count,
        own=service.server == "uvicorn" and count == 1,  # it serves itself then, with no worker beside it
    )


def _given(start: Start, told: int, access: int, sockets: tuple[int, ...]) -> Given:
    """What the server is given, or nginx as if it were the server. Descriptors: see :class:`Given`."""
    return Given(
        venv=start.places.venv,
        sockets=sockets,
        access=access,
        ready=told,
        limits=start.limits,
        stop_timeout=start.timeout,
        environ=start.environ,
    )


def _server(service: Service, given: Given) -> Program:
    """The program that serves a WSGI or ASGI application; of the three, the one that is wanted is imported."""
    beside = os.path.join(os.path.dirname(__file__), "servers")
    if service.server == GRANIAN:
        from ..servers import granian_server

        return granian_server.program(service, given, os.path.join(beside, "granian_starter.py"))
    if service.asgi is not None:
        from ..servers import uvicorn_server as asgi_server

        return asgi_server.program(service, given, os.path.join(beside, "asgi_starter.py"))
    from ..servers import gunicorn_server as wsgi_server

    return wsgi_server.program(service, given, os.path.join(beside, "server_hooks.py"))


def _front(start: Start, given: Given, channels: Mapping[str, tuple[Channel, ...]]) -> Part:
    """nginx, with the sockets of 8080. Raises Failure (73)."""
    import resource

    from ..servers import nginx as nginx_server

    for listener in start.sockets:
        listener.setblocking(False)
    home = start.places.front
    nginx_server.configure(
        nginx_server.front(
            start.service,
            given,
            home=home,
            upstream=start.places.upstream,
            media=start.places.media,
            revision=start.image.installed,
            port=int(PORT),
            trusted=start.trusted,
            files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )
    )
    out, err, access = channels[FRONT]
    return Part(
        name=FRONT,
        program=nginx_server.program(home),
        environ=nginx_server.environment(start.environ, given.sockets),
        directory="/",
        stop_signal=nginx_server.STOP_SIGNAL,
        restart=start.service.restart,
        mask=start.mask,
        keep=(*given.sockets, access.descriptor),
        streams=(os.open(os.devnull, os.O_RDONLY), out.descriptor, err.descriptor),
        front=True,
    )


def _part(
    start: Start,
    name: str,
    program: Program,
    environ: Mapping[str, str],
    channels: Mapping[str, tuple[Channel, ...]],
    *,
    keep: tuple[int, ...] = (),
) -> Part:
    """The main process has the container's stdin and terminal, the others have none."""
    main = name == start.name
    out, err, *_ = channels[name]
    return Part(
        name=name,
        program=program,
        environ=environ,
        directory=start.image.user.home,
        stop_signal=getattr(signal, f"SIG{start.service.stop_signal}") if main else signal.SIGTERM,
        restart=start.service.restart,
        mask=start.mask,
        keep=keep,
        streams=(0 if main else os.open(os.devnull, os.O_RDONLY), out.descriptor, err.descriptor),
        terminal=terminal() if main else None,
    )
