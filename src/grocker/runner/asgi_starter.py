"""Starts uvicorn on sockets that listen already: run by the application's interpreter, in the server.

Arguments: ``module:object`` (``module:object()`` for a factory), descriptors with commas between, workers, seconds for
a graceful stop. uvicorn's own command line takes one socket alone, and the runner has one for IPv4 and one for IPv6.
"""

from __future__ import annotations

import os
import socket
import sys

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

        # uvicorn before 0.54 wants to be told what its processes run.
        wanted = inspect.signature(Multiprocess).parameters
        extra = {"target": server.run} if "target" in wanted else {}
        Multiprocess(config, sockets=sockets, **extra).run()
    else:
        server.run(sockets=sockets)
        if not server.started:
            sys.exit(3)  # as uvicorn's own command line does


if __name__ == "__main__":
    main(sys.argv[1:])
