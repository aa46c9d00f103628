"""Starts uvicorn on sockets that listen already: run by the application's interpreter, in the server.

Arguments: ``module:object`` (``module:object()`` for a factory), descriptors with commas between, workers, seconds for
a graceful stop, seconds that an idle connection is kept (0: uvicorn's own choice), descriptor of the access log (-1:
none), and the one into which each worker writes a byte once it serves.
uvicorn's own command line takes one socket alone, and the runner has one for IPv4 and one for IPv6.
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
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_BESIDE = os.path.dirname(os.path.abspath(__file__))
_HEALTH = 30  # seconds; uvicorn's own 5 kill workers that are merely busy (encode/uvicorn#2711)


def main(arguments: list[str]) -> None:
    """Serve until asked to stop."""
    sys.path[0] = os.getcwd()  # where the runner's own modules would be found otherwise
    import copy
    import inspect

    import uvicorn

    target, descriptors, workers, graceful, kept_alive, access, ready = arguments
    # Workers are started anew and inherit the sockets alone: they open these two through the server that has them.
    beside = f"/proc/{os.getpid()}/fd"
    log = copy.deepcopy(uvicorn.config.LOGGING_CONFIG)
    if access != "-1":
        log["handlers"]["access"] = {
            "class": "logging.FileHandler",
            "filename": f"{beside}/{access}",
            "mode": "a",
            "formatter": "access",
        }
    options: dict[str, object] = {
        "workers": int(workers),
        "factory": True,
        "log_config": log,
        "timeout_graceful_shutdown": int(graceful),
        "timeout_worker_healthcheck": _HEALTH,
        "access_log": access != "-1",
        "proxy_headers": False,  # X1 is client_headers' to judge
        "server_header": False,
        **({"timeout_keep_alive": int(kept_alive)} if kept_alive != "0" else {}),
    }
    known = inspect.signature(uvicorn.Config).parameters
    config = uvicorn.Config(
        Factory(target, f"{beside}/{ready}"), **{name: value for name, value in options.items() if name in known}
    )
    sockets = [socket.socket(fileno=int(descriptor)) for descriptor in descriptors.split(",")]
    for listener in sockets:
        listener.setblocking(False)
    server = uvicorn.Server(config)
    if int(workers) > 1:
        from uvicorn.supervisors import Multiprocess

        failed = _give_up_without_application(config)
        # uvicorn before 0.54 wants to be told what its processes run.
        wanted = inspect.signature(Multiprocess).parameters
        extra = {"target": server.run} if "target" in wanted else {}
        Multiprocess(config, sockets=sockets, **extra).run()
        if failed():
            sys.exit(3)  # as uvicorn's own command line does
    else:
        server.run(sockets=sockets)
        if not server.started:
            sys.exit(3)


class Factory:
    """Gives a worker the application; it travels to the workers, so it holds no more than the names."""

    def __init__(self, target: str, ready: str) -> None:
        self._target = target
        self._ready = ready

    def __call__(self) -> Application:
        """The application, and around it what tells when it has started."""
        from uvicorn.importer import ImportFromStringError, import_from_string

        try:
            loaded = import_from_string(self._target.removesuffix("()"))
        except ImportFromStringError as error:
            sys.stderr.write(f"Error loading ASGI app. {error}\n")
            sys.exit(1)
        application: Application = _client_headers().asgi(
            _single_callable(loaded() if self._target.endswith("()") else loaded)
        )
        ready = self._ready

        async def started(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "lifespan":
                await application(scope, receive, send)
                return
            failed = False

            async def passed(message: MutableMapping[str, Any]) -> None:
                nonlocal failed
                failed = failed or message["type"] == "lifespan.startup.failed"
                await send(message)
                if message["type"] == "lifespan.startup.complete":
                    _tell(ready)

            try:
                await application(scope, receive, passed)
            except BaseException:
                if not failed:
                    _tell(ready)  # an application that knows no lifespan says so by failing (ASGI, "Lifespan")
                raise

        return started


def _client_headers() -> Any:
    """The module beside this one, by its path: the directory's other modules would stand in for the application's."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("grocker_client_headers", os.path.join(_BESIDE, "client_headers.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _single_callable(application: Any) -> Any:
    """As ASGI 3 calls it; uvicorn looks at the application itself, which it does not see here."""
    import inspect

    call = application if inspect.isfunction(application) else getattr(application, "__call__", None)  # noqa: B004
    if inspect.isclass(application):
        new = hasattr(application, "__await__")
    else:
        new = inspect.iscoroutinefunction(call)
    if new:
        return application
    from uvicorn.middleware.asgi2 import ASGI2Middleware

    return ASGI2Middleware(application)


def _tell(ready: str) -> None:
    try:
        descriptor = os.open(ready, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return  # the container stops
    try:
        os.write(descriptor, b".")
    except OSError:
        pass  # it is told already
    finally:
        os.close(descriptor)


def _give_up_without_application(config: object) -> Callable[[], bool]:
    """End the server when the application cannot be loaded: uvicorn starts workers that die at it again for ever.

    It is tried in a process beside the workers, which takes no time off their start. Returns whether it failed.
    """
    import signal
    import threading
    import traceback

    said = os.memfd_create("stderr")  # told if it failed: the workers may not come to it
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.dup2(said, 2)
            config.load()  # type: ignore[attr-defined]
            status = 0
        except Exception:  # noqa: BLE001 - anything may stop an application from being loaded
            traceback.print_exc()
        finally:
            os._exit(status)

    failed = threading.Event()

    def wait() -> None:
        if os.waitpid(child, 0)[1]:
            os.write(2, os.pread(said, os.fstat(said).st_size, 0))
            failed.set()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
    return failed.is_set


if __name__ == "__main__":
    main(sys.argv[1:])
