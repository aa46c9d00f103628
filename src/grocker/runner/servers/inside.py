"""What runs around an application inside every server, in the application's interpreter. Contract: H1, X1.

The server's file imports this as a part of the runner's package, which is not on the application's ``sys.path``.
"""

from __future__ import annotations

import os

from . import client_headers, unread_body

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .client_headers import Receive, Scope, Send


def wrap_wsgi(application: Any, *, behind_nginx: bool, mapped: bool = False) -> Any:
    """Wrap a WSGI application. ``mapped``: the server writes IPv4 addresses as IPv6 ones."""
    if behind_nginx:
        application = unread_body.wsgi(application)
    return client_headers.wsgi(application, mapped=mapped)


def wrap_asgi(application: Any, ready: str, *, behind_nginx: bool, mapped: bool = False) -> Any:
    """Wrap an ASGI application, and call :func:`notify_ready` once it has started. ``mapped``: as for WSGI."""
    if behind_nginx:
        application = unread_body.asgi(application)
    wrapped = client_headers.asgi(application, mapped=mapped)

    async def notifying(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await wrapped(scope, receive, send)
            return
        answered = False

        async def forward(message: Any) -> None:
            nonlocal answered
            answered = answered or message["type"] in ("lifespan.startup.complete", "lifespan.startup.failed")
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                notify_ready(ready)

        try:
            await wrapped(scope, receive, forward)
        finally:
            if not answered:
                notify_ready(ready)  # without lifespan support, applications raise (ASGI, "Lifespan") or just return

    return notifying


def notify_ready(ready: str) -> None:
    """Tell the runner that this worker serves the application. ``ready``: path of its pipe."""
    try:
        descriptor = os.open(ready, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return  # the container is stopping
    try:
        os.write(descriptor, b".")
    except OSError:
        pass  # the pipe is full: the runner knows already
    finally:
        os.close(descriptor)
