"""From a service of the image to supervised processes. Contract: E1, E2, P1, P2, H1, V4."""

from __future__ import annotations

import os

from . import container_limits, loopback_request, parts, readiness, recycling, trusted_proxies, wsgi_server
from .child import adopt_orphans, terminal
from .environment import PORT
from .failure import Asked
from .listening import open_sockets, open_unix, restore_unix
from .log import READER, Log
from .prepare import prepare
from .process import Part
from .server import Given, workers
from .services import stop_timeout
from .signals import Interruptible, hold
from .spec import FRONT, GRANIAN, NOTIFY
from .status_port import open_port
from .supervision import Supervision
from .underscored import signal
from .value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Mapping

    from .container_limits import Limits
    from .log_channel import Channel
    from .loop import Loop
    from .places import Places
    from .process import Process
    from .program import Program
    from .readiness import Readiness
    from .spec import Service, Spec
    from .status_port import Port
    from .status_server import StatusServer

_DRAIN = 1.0  # seconds for what was said last to be written, once everything has ended


class _Start(Value):
    """What is known before the first process. ``timeout``: seconds; ``sockets``: of 8080; ``upstream``: of the server
    when nginx is in front of it; ``trusted``: networks (X1); ``supervised``: 8081; ``programs``: of commands, by the
    process's name.
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


def serve(image: Spec, name: str, service: Service, places: Places, mask: set[int]) -> int:
    """Prepares, starts, supervises; the container's exit status. Raises Failure: 69, 73, 78, 126, 127."""
    try:
        with Interruptible():
            timeout = stop_timeout(os.environ.get("GROCKER_STOP_TIMEOUT"))
            environ = prepare(image, os.environ, places, service=name)
            commands = {**({name: service.command} if service.command is not None else {}), **service.processes}
            start = _Start(
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
                programs={process: parts.command(line, environ) for process, line in commands.items()},
                limits=container_limits.limits(),
            )
    except Asked:
        return 0  # asked to stop, and stopped in time
    hold()
    if os.getpid() != 1:
        adopt_orphans()
    supervision = Supervision(name, timeout)
    with supervision.loop as loop, Log(loop, image.name, name, environ) as log:
        result = _run(start, supervision, log)
        log.drain(_DRAIN)
    return result


def _sockets(service: Service) -> tuple[socket, ...]:
    """Of 8080. Raises Failure (69)."""
    if service.command is not None:
        return ()
    return tuple(open_sockets(int(PORT), one=service.server == GRANIAN and not service.front))


def _run(start: _Start, supervision: Supervision, log: Log) -> int:
    service, loop = start.service, supervision.loop
    ready, environ = _readiness(start, loop)
    channels: dict[str, tuple[Channel, ...]] = {
        name: (log.channel(name, error=False), log.channel(name, error=True))
        for name in (start.name, *service.processes)
    }
    most = None
    others: list[Part] = []
    if service.command is None:
        access = log.channel(start.name, error=False, access=True)
        given = _given(start, ready, access.descriptor)
        if start.upstream is not None:
            channels[FRONT] = (log.channel(FRONT, error=False), log.channel(FRONT, error=True), access)
            others.append(_front(start, given, channels))
            given = _given(start, ready, -1, (start.upstream.fileno(),))
        else:
            channels[start.name] += (access,)
        environ = {**environ, wsgi_server.READY: str(given.ready)}
        main = _part(start, start.name, parts.server(service, given), environ, channels, keep=given.kept)
        count = workers(service, given)
        most = recycling.limit(service.memory, start.limits, count)
        own = service.server == "uvicorn" and count == 1  # it serves itself then, with no worker beside it
    else:
        main = _part(start, start.name, start.programs[start.name], environ, channels)
        most = recycling.limit(service.memory, start.limits, 1) if service.memory is not None else None
        own = True

    def changed(process: Process) -> None:
        if not process.pid:
            return
        for channel in channels[process.part.name]:
            channel.pid = process.pid
        if process is supervision.main:
            ready.started()
            if start.upstream is not None:
                restore_unix(start.places.upstream)
            if process.starts == 1 and most is not None:
                recycling.Recycling(loop, process, most, own=own, seconds=start.timeout)

    def stopping() -> None:
        ready.close()
        loop.after(start.timeout * READER, log.let_go)
        for listener in start.sockets:
            listener.close()  # the service has its own; nobody shall wait for a connection that is never answered

    supervision.on_change, supervision.on_stop = changed, stopping
    others += [_part(start, name, start.programs[name], start.environ, channels) for name in service.processes]
    servers: list[StatusServer] = []

    def answer() -> None:
        # Imported while the service starts on its own: nobody waits for these modules.
        from .service_status import Observer
        from .status_server import StatusServer

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
        return supervision.run((main, *others))
    finally:
        for server in servers:
            server.close()


def _given(start: _Start, ready: Readiness, access: int, sockets: tuple[int, ...] | None = None) -> Given:
    """What the server is given; ``sockets``: instead of those of 8080."""
    told = ready.descriptor if isinstance(ready, readiness.Told) else os.open(os.devnull, os.O_WRONLY)
    return Given(
        venv=start.places.venv,
        sockets=sockets or tuple(listener.fileno() for listener in start.sockets),
        access=access,
        ready=told,
        limits=start.limits,
        stop_timeout=start.timeout,
        environ=start.environ,
    )


def _front(start: _Start, given: Given, channels: Mapping[str, tuple[Channel, ...]]) -> Part:
    """nginx, with the sockets of 8080. Raises Failure (73)."""
    import resource

    from . import nginx_server

    assert start.upstream is not None
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
    start: _Start,
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


def _readiness(start: _Start, loop: Loop) -> tuple[Readiness, Mapping[str, str]]:
    """How it is known, and the main process's environment."""
    service, environ = start.service, start.environ
    if service.ready == NOTIFY:
        path = f"{start.places.scratch}/notify"
        notified = readiness.Notified(loop, path, environ.get("NOTIFY_SOCKET"))
        return notified, {**environ, "NOTIFY_SOCKET": path}
    if service.ready is not None:
        return readiness.Path(loop, service.ready, loopback_request.request), environ
    if service.command is not None:
        return readiness.Port(int(PORT)), environ
    return readiness.Told(loop), environ
