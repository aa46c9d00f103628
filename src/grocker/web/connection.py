"""urllib3's connections, with two things that it leaves out: an end to slow headers, and an error for truncated ones.

A server that sends a byte of its headers now and then resets every timeout of a socket; and headers that end with the
connection count as whole in http.client, so that a cut network looked like an empty answer.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from urllib3.response import HTTPResponse


class _Lines:
    """A stream of which lines are read, and whether it ended instead of giving another one."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.has_ended = False

    def readline(self, limit: int = -1) -> bytes:
        line = self.stream.readline(limit)
        self.has_ended = not line.endswith(b"\n")
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class _Answer(http.client.HTTPResponse):
    """An answer whose headers must end with an empty line (RFC 9112, section 2.1)."""

    def begin(self) -> None:
        """Read status line and headers. Raises RemoteDisconnected when the connection ends in them."""
        stream: Any = self.fp
        lines: Any = _Lines(stream)
        self.fp = lines
        try:
            super().begin()
        finally:
            if self.fp is lines:
                self.fp = stream
        if lines.has_ended:
            self.close()
            raise http.client.RemoteDisconnected("the connection ended within the headers")


def _limited(connection: HTTPConnection, wait: Callable[[], HTTPResponse]) -> HTTPResponse:
    """Wait for the answer's headers no longer than the connection's read timeout, as a whole.

    Raises TimeoutError, and what urllib3 and http.client raise.
    """
    expired = threading.Event()

    def cut() -> None:
        expired.set()
        try:
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it ended meanwhile

    seconds = connection.timeout
    watch = threading.Timer(seconds, cut) if isinstance(seconds, int | float) else None
    if watch is not None:
        watch.daemon = True
        watch.start()
    try:
        return wait()
    except (OSError, ValueError, http.client.HTTPException) as error:
        if expired.is_set():
            raise TimeoutError("the headers took too long") from error
        raise
    finally:
        if watch is not None:
            watch.cancel()


class _Http(HTTPConnection):
    response_class = _Answer

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself does
        """See ``_limited``."""
        return _limited(self, super().getresponse)


class _Https(HTTPSConnection):
    response_class = _Answer

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself does
        """See ``_limited``."""
        return _limited(self, super().getresponse)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


def limit_connections(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    """Let ``manager`` make connections with the limits of this module; returns it."""
    manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return manager
