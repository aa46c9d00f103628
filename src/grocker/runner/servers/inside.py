"""What runs around an application inside every server, in the application's interpreter. Contract: H1, X1.

The server's file imports this as a part of the runner's package, which is not on the application's ``sys.path``.
"""

from __future__ import annotations

import logging
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


def report_load_failure(directory: str, error: BaseException | str) -> None:
    """See :func:`.load_failure.report`."""
    load_failure.report(directory, error)


def graceful_seconds(directory: str, default: float) -> float:
    """See :func:`.stop_deadline.graceful_seconds`."""
    return stop_deadline.graceful_seconds(directory, default)


def split_levels(logger: logging.Logger, info: int, warning: int) -> None:
    """Send a logger's records up to INFO, and those of WARNING, to descriptors of their own, formatted as before."""
    for handler in list(logger.handlers):
        if type(handler) is not logging.StreamHandler:
            continue
        for descriptor, low, high in ((info, 0, logging.WARNING), (warning, logging.WARNING, logging.ERROR)):
            stream = open(descriptor, "w", buffering=1, closefd=False, errors="backslashreplace")
            other = logging.StreamHandler(stream)
            other.setFormatter(handler.formatter)
            other.addFilter(lambda record, low=low, high=high: low <= record.levelno < high)  # type: ignore[misc]
            logger.addHandler(other)
        handler.addFilter(lambda record: record.levelno >= logging.ERROR)


class LevelRange:
    """A filter of records from level ``low`` to below ``high``."""

    def __init__(self, low: int, high: int) -> None:
        self._low, self._high = low, high

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record passes."""
        return self._low <= record.levelno < self._high


def split_level_settings(settings: Any, name: str, paths: tuple[str, str], level_range: Any) -> None:
    """Do the same to the settings of ``logging.config.dictConfig``, for all that handler ``name`` writes.

    ``paths``: of the two descriptors; ``level_range``: LevelRange, or what returns one.
    """
    handlers, usual = settings["handlers"], settings["handlers"][name]
    bounds = (0, logging.WARNING, logging.ERROR, 1000)
    ranges = [f"grocker_{number}" for number in range(3)]
    settings["filters"] = {
        **settings.get("filters", {}),
        **{
            ranges[number]: {"()": level_range, "low": bounds[number], "high": bounds[number + 1]}
            for number in range(3)
        },
    }
    for one, path in zip(ranges, paths):
        handlers[one] = {
            "class": "logging.FileHandler",
            "filename": path,
            "mode": "a",
            "formatter": usual["formatter"],
            "filters": [one],
        }
    handlers[name] = {**usual, "filters": [ranges[2]]}
    for logger in settings["loggers"].values():
        if name in logger.get("handlers", ()):
            logger["handlers"] = [*logger["handlers"], *ranges[:2]]


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
