"""Starts uvicorn on sockets that listen already: run by the application's interpreter, in the server.

Arguments: ``module:object`` (``module:object()`` for a factory), descriptors with commas between, workers, seconds for
a graceful stop. uvicorn's own command line takes one socket alone, and the runner has one for IPv4 and one for IPv6.
"""

from __future__ import annotations

import os
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_HEALTH = 30  # seconds; uvicorn's own 5 kill workers that are merely busy (encode/uvicorn#2711)


def main(arguments: list[str]) -> None:
    """Serve until asked to stop."""
    sys.path[0] = os.getcwd()  # where the runner's own modules would be found otherwise
    import inspect

    import uvicorn

    target, descriptors, workers, graceful = arguments
    options: dict[str, object] = {
        "workers": int(workers),
        "factory": target.endswith("()"),
        "timeout_graceful_shutdown": int(graceful),
        "timeout_worker_healthcheck": _HEALTH,
        "proxy_headers": bool(os.environ.get("FORWARDED_ALLOW_IPS")),
        "server_header": False,
    }
    known = inspect.signature(uvicorn.Config).parameters
    config = uvicorn.Config(
        target.removesuffix("()"), **{name: value for name, value in options.items() if name in known}
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


def _give_up_without_application(config: object) -> Callable[[], bool]:
    """End the server when the application cannot be loaded: uvicorn starts workers that die at it again for ever.

    It is tried in a process beside the workers, which takes no time off their start. Returns whether it failed.
    """
    import signal
    import threading

    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the workers tell what is wrong
            config.load()  # type: ignore[attr-defined]
            status = 0
        finally:
            os._exit(status)

    failed = threading.Event()

    def wait() -> None:
        if os.waitpid(child, 0)[1]:
            failed.set()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
    return failed.is_set


if __name__ == "__main__":
    main(sys.argv[1:])
