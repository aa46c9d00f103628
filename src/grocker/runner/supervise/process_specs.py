"""The processes of a service, and what each of them gets. Contract: E2, P1, V4."""

from __future__ import annotations

import os

from ..base.c_modules import signal
from ..base.value import TYPE_CHECKING, Value
from ..contract.names import WEB_CONCURRENCY
from ..contract.spec import FRONT
from ..log import syslog_record
from ..process.child import foreground_terminal
from ..servers.table import ServerContext, count_workers, find_server
from .readiness import PipeReadiness
from .supervised_process import ProcessSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..log.channel import Channel
    from ..log.log import Log
    from ..process.program import Program
    from .readiness import Readiness
    from .startup import Startup


class ServiceProcesses(Value):
    """``channels``: what each process writes to, by its name. ``workers``: processes that answer requests;
    ``main_is_worker``: whether the main process is the only one of them.
    """

    main: ProcessSpec
    others: tuple[ProcessSpec, ...]
    channels: Mapping[str, tuple[Channel, ...]]
    workers: int
    main_is_worker: bool


def plan_processes(startup: Startup, ready: Readiness, environ: Mapping[str, str], log: Log) -> ServiceProcesses:
    """Return what to run. ``environ``: the main process's. Raises Failure: 73, 78."""
    service = startup.service
    channels: dict[str, tuple[Channel, ...]] = {
        name: (log.channel(name, error=False), log.channel(name, error=True))
        for name in (startup.name, *service.processes)
    }
    companions = tuple(
        _process_spec(startup, name, startup.programs[name], startup.environ, channels) for name in service.processes
    )
    if service.command is not None:
        main = _process_spec(startup, startup.name, startup.programs[startup.name], environ, channels)
        return ServiceProcesses(main=main, others=companions, channels=channels, workers=1, main_is_worker=True)
    access = log.channel(startup.name, error=False, access=True)
    levels: tuple[Channel, ...] = ()
    if log.has_syslog:
        levels = tuple(
            log.channel(startup.name, error=True, severity=level)
            for level in (syslog_record.INFO, syslog_record.WARNING)
        )
        channels[startup.name] += levels
    pipe = ready.descriptor if isinstance(ready, PipeReadiness) else os.open(os.devnull, os.O_WRONLY)
    sockets = tuple(listener.fileno() for listener in startup.sockets)
    context = _server_context(startup, pipe, access.descriptor, sockets)
    front: tuple[ProcessSpec, ...] = ()
    if startup.upstream is not None:
        channels[FRONT] = (log.channel(FRONT, error=False), log.channel(FRONT, error=True), access)
        front = (_front_spec(startup, context, channels),)
        context = _server_context(startup, pipe, -1, (startup.upstream.fileno(),), levels)
    else:
        channels[startup.name] += (access,)
        context = _server_context(startup, pipe, access.descriptor, sockets, levels)
    launch = find_server(service.server).launch(service, context)
    workers = count_workers(service, context)
    return ServiceProcesses(
        main=_process_spec(
            startup,
            startup.name,
            launch.program,
            # gunicorn fails with a traceback when the variable is there and empty.
            {
                name: value
                for name, value in {**environ, **launch.variables}.items()
                if value or name != WEB_CONCURRENCY
            },
            channels,
            keep=context.inherited,
            load_failures=startup.layout.scratch,
        ),
        others=front + companions,
        channels=channels,
        workers=workers,
        main_is_worker=service.server_traits.serves_alone and workers == 1,
    )


def _server_context(
    startup: Startup, ready: int, access: int, sockets: tuple[int, ...], levels: tuple[Channel, ...] = ()
) -> ServerContext:
    """Return what the server gets, or nginx in front of it. Descriptors: see :class:`ServerContext`."""
    return ServerContext(
        venv=startup.layout.venv,
        sockets=sockets,
        access=access,
        ready=ready,
        limits=startup.limits,
        stop_timeout=startup.stop_timeout,
        environ=startup.environ,
        levels=(levels[0].descriptor, levels[1].descriptor) if levels else (-1, -1),
        directory=startup.layout.scratch,
    )


def _front_spec(startup: Startup, context: ServerContext, channels: Mapping[str, tuple[Channel, ...]]) -> ProcessSpec:
    """Return nginx, with the sockets of the application port. Raises Failure (73)."""
    import resource

    from ..servers import nginx

    for listener in startup.sockets:
        listener.setblocking(False)
    settings = nginx.front_settings(
        startup.service,
        context,
        startup.layout,
        revision=startup.image.installed,
        trusted=startup.trusted,
        files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    )
    nginx.configure(settings)
    out, err, access = channels[FRONT]
    return ProcessSpec(
        name=FRONT,
        program=nginx.command(settings.home),
        environ=nginx.environment(startup.environ, context.sockets),
        directory="/",
        stop_signal=nginx.STOP_SIGNAL,
        restart=startup.service.restart,
        mask=startup.mask,
        keep=(*context.sockets, access.descriptor),
        streams=(os.open(os.devnull, os.O_RDONLY), out.descriptor, err.descriptor),
        front=True,
    )


def _process_spec(
    startup: Startup,
    name: str,
    program: Program,
    environ: Mapping[str, str],
    channels: Mapping[str, tuple[Channel, ...]],
    *,
    keep: tuple[int, ...] = (),
    load_failures: str = "",
) -> ProcessSpec:
    """Return one process; only the main process gets the container's stdin and terminal."""
    main = name == startup.name
    out, err, *_ = channels[name]
    return ProcessSpec(
        name=name,
        program=program,
        environ=environ,
        directory=startup.service.directory or startup.image.directory or startup.image.user.home,
        stop_signal=getattr(signal, f"SIG{startup.service.stop_signal}") if main else signal.SIGTERM,
        restart=startup.service.restart,
        mask=startup.mask,
        keep=keep,
        streams=(0 if main else os.open(os.devnull, os.O_RDONLY), out.descriptor, err.descriptor),
        terminal=foreground_terminal() if main else None,
        load_failures=load_failures,
    )
