"""What runs around an application inside every server, in the application's interpreter. Contract: H1, X1.

The server's file imports this as a part of the runner's package, which is not on the application's ``sys.path``.
"""

from __future__ import annotations

import os
import sys

from . import client_headers, load_failure, stop_deadline, unread_body

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .client_headers import Receive, Scope, Send


def wrap_wsgi(application: Any, *, behind_nginx: bool, mapped: bool = False) -> Any:
    """Wrap a WSGI application. ``mapped``: the server writes IPv4 addresses as IPv6 ones."""
    if behind_nginx:
        application = unread_body.wsgi(application)
    return client_headers.wsgi(application, mapped=mapped)


def wrap_asgi(application: Any, ready: str, *, behind_nginx: bool, mapped: bool = False, directory: str = "") -> Any:
    """Wrap an ASGI application, and call :func:`notify_ready` once it has started. ``mapped``: as for WSGI.

    ``directory``: the runner's, for the reason when the application says that it cannot start.
    """
    if behind_nginx:
        application = unread_body.asgi(application)
    wrapped = client_headers.asgi(application, mapped=mapped)

    async def notifying(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await wrapped(scope, receive, send)
            return
        answered = failed = False

        async def forward(message: Any) -> None:
            nonlocal answered, failed
            if message["type"] == "lifespan.startup.failed":
                failed = True
                error = sys.exc_info()[1]  # that the application handles
                reason = load_failure.report(directory, error or message.get("message") or "no reason given")
                message = {**message, "message": reason}  # servers log it in every worker
            answered = answered or failed or message["type"] == "lifespan.startup.complete"
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                notify_ready(ready)

        try:
            await wrapped(scope, receive, forward)
        except Exception:
            if not failed:
                raise  # otherwise it is reported
        finally:
            if not answered:
                notify_ready(ready)  # without lifespan support, applications raise (ASGI, "Lifespan") or just return

    return notifying


def report_load_failure(directory: str, error: BaseException) -> None:
    """See :func:`.load_failure.report`."""
    load_failure.report(directory, error)


def graceful_seconds(directory: str, default: float) -> float:
    """See :func:`.stop_deadline.graceful_seconds`."""
    return stop_deadline.graceful_seconds(directory, default)


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
