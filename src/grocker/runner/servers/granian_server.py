"""granian, for WSGI and ASGI applications that ask for it. Contract: P1, X1, X4.

The runner imports :func:`launch`. The application's interpreter runs this file by its path: granian's own command line
takes no socket, and opens one in each worker, so that connections which wait in a dying worker's are lost.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..contract.spec import Service
    from .table import Launch, ServerContext

_BACKLOG = 2048
_BACKPRESSURE = 1024  # connections of a worker, including idle ones; further ones wait
_THREADS = 8  # of a worker, for WSGI, as gunicorn's
_UNSUPPORTED = "grocker: this version of granian accepts no socket; pin another version, or use another server"
_ACCESS = (
    '%(addr)s - - [%(time)s] "%(method)s %(path)s %(protocol)s" %(status)d - "%(header{referer})s" '
    '"%(header{user-agent})s"'
)


def launch(service: Service, context: ServerContext) -> Launch:
    """Return the command line that :func:`main` reads."""
    from ..process.program import Program
    from .table import Launch, count_workers

    interface, target = ("asgi", service.asgi) if service.asgi is not None else ("wsgi", service.wsgi)
    assert target is not None
    (listener,) = context.sockets
    numbers = (listener, count_workers(service, context), context.graceful, context.access, context.ready)
    arguments = (
        *(context.python, __file__, interface, target),
        *(str(number) for number in numbers),
        *(str(descriptor) for descriptor in context.levels),
        context.directory,
    )
    return Launch(program=Program(path=context.python, arguments=arguments))


def main(arguments: list[str]) -> None:
    """Serve until asked to stop.

    ``arguments``: ``wsgi`` or ``asgi``, ``module:object`` (``module:object()`` for a factory), the descriptor of the
    socket, workers, seconds for a graceful stop, the descriptor of the access log (-1: none), the one into which each
    worker writes a byte once it serves, those of granian's own log up to INFO and for WARNING (-1: stderr), and the
    runner's directory.
    """
    sys.path[0] = os.getcwd()  # instead of this file's directory
    import multiprocessing
    import signal
    import socket

    try:
        from granian.constants import Interfaces
        from granian.log import LOGGING_CONFIG
        from granian.net import SocketHolder
        from granian.server import MPServer
    except ImportError as error:
        sys.exit(f"{_UNSUPPORTED} ({error})")
    if not hasattr(MPServer, "_init_shared_socket"):  # it would silently listen on a socket of its own
        sys.exit(f"{_UNSUPPORTED} (MPServer has no _init_shared_socket)")

    interface, target, descriptor, workers, graceful, access, ready, info, warning, directory = arguments
    multiprocessing.set_start_method("fork")  # other methods do not hand the socket on
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    listener = socket.socket(fileno=int(descriptor))
    listener.setblocking(False)
    behind_nginx = listener.family == socket.AF_UNIX
    inside = _inside()
    holder = SocketHolder(listener.fileno(), behind_nginx, _BACKLOG)

    class SocketServer(MPServer):  # type: ignore[misc, unused-ignore] # the application's
        def _init_shared_socket(self) -> None:
            self._ssp, self._shd, self._sso, self._sfd = None, holder, None, listener.fileno()

        @property
        def workers_kill_timeout(self) -> float:
            """The seconds that workers have to stop, counted from the first time that it is asked for at a stop."""
            left: float = inside.graceful_seconds(directory, int(graceful))
            if left == int(graceful):
                return left
            self._kill_timeout: float = getattr(self, "_kill_timeout", left)
            return self._kill_timeout

        @workers_kill_timeout.setter
        def workers_kill_timeout(self, _: object) -> None:
            pass

        @property
        def _bind_addr_fmt(self) -> str:
            return "the container's socket"

    handlers = dict(LOGGING_CONFIG["handlers"])
    handlers["console"] = {**handlers["console"], "stream": "ext://sys.stderr"}
    if access != "-1":
        handlers["access"] = {"formatter": "access", "class": "logging.FileHandler", "filename": f"/dev/fd/{access}"}
    settings: dict[str, Any] = {"handlers": handlers}
    if info != "-1":
        settings |= {"loggers": {name: dict(one) for name, one in LOGGING_CONFIG["loggers"].items()}}
        inside.split_level_settings(settings, "console", (f"/dev/fd/{info}", f"/dev/fd/{warning}"), inside.LevelRange)
    SocketServer(
        target,
        interface=Interfaces(interface),
        workers=int(workers),
        websockets=interface == "asgi",
        blocking_threads=min(_THREADS, 2 * multiprocessing.cpu_count() + 1) if interface == "wsgi" else 1,
        backlog=_BACKLOG,
        backpressure=_BACKPRESSURE,
        log_dictconfig=settings,
        log_access=access != "-1",
        log_access_format=_ACCESS,
        respawn_failed_workers=True,
        workers_kill_timeout=int(graceful),
    ).serve(
        target_loader=lambda: _load(interface, target, f"/proc/self/fd/{ready}", directory, behind_nginx=behind_nginx),
        wrap_loader=False,
    )


def _load(interface: str, target: str, ready: str, directory: str, *, behind_nginx: bool) -> Any:
    """Load the application in a worker, and wrap it."""
    import importlib

    inside = _inside()
    try:
        module, _, path = target.removesuffix("()").partition(":")
        application: Any = importlib.import_module(module)
        for name in path.split("."):
            application = getattr(application, name)
        if target.endswith("()"):
            application = application()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an application may raise anything
        inside.report_load_failure(directory, error)
        raise SystemExit(1) from None
    if interface == "asgi":
        return inside.wrap_asgi(application, ready, behind_nginx=behind_nginx, mapped=True, directory=directory)
    inside.notify_ready(ready)
    return inside.wrap_wsgi(application, behind_nginx=behind_nginx, mapped=True)


def _inside() -> Any:
    """Import ``inside`` from the runner's package, which stays off ``sys.path``: it would shadow the application's."""
    library, package = os.path.split(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.insert(0, library)
    try:
        return __import__(f"{package}.servers.inside", fromlist=["inside"])
    finally:
        sys.path.remove(library)


if __name__ == "__main__":
    main(sys.argv[1:])
