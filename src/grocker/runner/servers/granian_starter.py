"""Starts granian on a socket that listens already: run by the application's interpreter, in the server.

Arguments: ``wsgi`` or ``asgi``, ``module:object`` (``module:object()`` for a factory), the descriptor of the socket,
workers, seconds for a graceful stop, descriptor of the access log (-1: none), and the one into which each worker writes
a byte once it serves. On its own command line granian takes no socket, and would open one anew in each worker: what
waits in that of a worker that dies is lost.
"""

from __future__ import annotations

import os
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_DIRECTORY = os.path.dirname(os.path.abspath(__file__))
_BACKLOG = 2048
_BACKPRESSURE = 1024  # connections of a worker, idle ones too; beyond that they wait
_THREADS = 8  # of a worker, for WSGI, as gunicorn's
_STRANGE = "grocker: this granian takes no socket: pin another version of it, or declare another server"
_ACCESS = (
    '%(addr)s - - [%(time)s] "%(method)s %(path)s %(protocol)s" %(status)d - "%(header{referer})s" '
    '"%(header{user-agent})s"'
)


def main(arguments: list[str]) -> None:
    """Serve until asked to stop."""
    sys.path[0] = os.getcwd()  # where the runner's own modules would be found otherwise
    import multiprocessing
    import signal

    try:
        from granian.constants import Interfaces
        from granian.log import LOGGING_CONFIG
        from granian.net import SocketHolder
        from granian.server import MPServer
    except ImportError as error:
        sys.exit(f"{_STRANGE} ({error})")
    if not hasattr(MPServer, "_init_shared_socket"):  # it would listen elsewhere, and nobody would hear of it
        sys.exit(f"{_STRANGE} (MPServer has no _init_shared_socket)")

    kind, target, descriptor, workers, graceful, access, ready = arguments
    multiprocessing.set_start_method("fork")  # others would not hand the socket on
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    listener = socket.socket(fileno=int(descriptor))
    listener.setblocking(False)
    is_behind = listener.family == socket.AF_UNIX
    holder = SocketHolder(listener.fileno(), is_behind, _BACKLOG)

    class Server(MPServer):  # type: ignore[misc, unused-ignore] # the application's
        def _init_shared_socket(self) -> None:
            self._ssp, self._shd, self._sso, self._sfd = None, holder, None, listener.fileno()

        @property
        def _bind_addr_fmt(self) -> str:
            return "the container's socket"

    handlers = dict(LOGGING_CONFIG["handlers"])
    handlers["console"] = {**handlers["console"], "stream": "ext://sys.stderr"}
    if access != "-1":
        handlers["access"] = {"formatter": "access", "class": "logging.FileHandler", "filename": f"/dev/fd/{access}"}
    Server(
        target,
        interface=Interfaces(kind),
        workers=int(workers),
        websockets=kind == "asgi",
        blocking_threads=min(_THREADS, 2 * multiprocessing.cpu_count() + 1) if kind == "wsgi" else 1,
        backlog=_BACKLOG,
        backpressure=_BACKPRESSURE,
        log_dictconfig={"handlers": handlers},
        log_access=access != "-1",
        log_access_format=_ACCESS,
        respawn_failed_workers=True,
        workers_kill_timeout=int(graceful),
    ).serve(target_loader=lambda: _load(kind, target, int(ready), is_behind=is_behind), wrap_loader=False)


def _load(kind: str, target: str, ready: int, *, is_behind: bool) -> Any:
    """The application, in a worker, which may be behind nginx."""
    import importlib

    module, _, path = target.removesuffix("()").partition(":")
    application: Any = importlib.import_module(module)
    for name in path.split("."):
        application = getattr(application, name)
    if target.endswith("()"):
        application = application()
    if is_behind:
        application = getattr(_beside("unread_body"), kind)(application)
    application = getattr(_beside("client_headers"), kind)(application, mapped=True)
    if kind == "asgi":
        return _telling(application, ready)
    _tell(ready)
    return application


def _telling(application: Any, ready: int) -> Any:
    """``application``, and around it what tells when it has started, or that it knows no lifespan."""

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await application(scope, receive, send)
            return

        async def passed(message: MutableMapping[str, Any]) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                _tell(ready)

        try:
            await application(scope, receive, passed)
        except Exception:
            _tell(ready)
            raise

    return told


def _tell(ready: int) -> None:
    try:
        os.write(ready, b".")
    except OSError:
        pass  # it is told already, or nobody listens


def _beside(name: str) -> Any:
    """A module beside this one, by its path: the directory's other modules would stand in for the application's."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(f"grocker_{name}", os.path.join(_DIRECTORY, f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(sys.argv[1:])
