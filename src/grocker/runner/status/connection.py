"""One connection of the status port. Contract: H4.

A request is answered before the next one is read; a slow client never blocks the loop.
"""

from __future__ import annotations

import socket
import time

from ..base.value import TYPE_CHECKING
from . import request_head

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from ..process.loop import Loop
    from .request_head import RequestHead

    class RequestHandler(Protocol):
        """What a connection needs from the server that accepted it."""

        def handle(self, connection: Connection, head: RequestHead) -> None:
            """Answer a request with :meth:`Connection.respond`, now or later."""

        def refuse(self, status: int) -> Sequence[bytes]:
            """Return the response to a malformed request."""

        def set_deadline(self, deadline: float) -> None:
            """Check the connection at this time, monotonic."""

        def closed(self, connection: Connection) -> None:
            """Forget a closed connection; called once."""


IDLE, READING, WRITING, WAITING = range(4)
"""States: no request, part of a request head read, part of a response sent, a response being prepared.

When there are too many connections, those with the lowest state are closed first.
"""

HEAD_SECONDS = 5.0  # for a request head, from its first byte, and for the first request of a connection
IDLE_SECONDS = 60.0  # between requests
WRITE_SECONDS = 30.0  # for one response
LINGER_SECONDS = 1.0  # for what a client still sends after the last response
_LINGER_BYTES = 1 << 20
_BLOCK = 8 << 10


class Connection:
    """A resource, closed by the server that accepted it or by itself; ``handler`` is told."""

    __slots__ = (
        "_data",
        "_descriptor",
        "_handler",
        "_keep",
        "_lingered",
        "_loop",
        "_out",
        "_socket",
        "deadline",
        "since",
        "state",
    )

    def __init__(self, loop: Loop, client: socket.socket, handler: RequestHandler) -> None:
        self._loop = loop
        self._socket = client
        self._descriptor = client.fileno()
        self._handler = handler
        self._data = bytearray()
        self._out: list[memoryview] = []
        self._keep = True
        self._lingered = -1  # bytes discarded since the last response, -1 before
        self._enter(IDLE, HEAD_SECONDS)

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._descriptor < 0

    @property
    def pending(self) -> int:
        """Bytes of the response that are not sent yet."""
        return sum(len(part) for part in self._out)

    def open(self) -> None:
        """Read what has arrived already, and what follows."""
        self._loop.watch(self._descriptor, self._read)
        self._read()

    def close(self) -> None:
        """Close at once; an unsent response is lost."""
        if not self.closed:
            self._loop.forget(self._descriptor)
            self._descriptor = -1
            self._data, self._out = bytearray(), []
            self._socket.close()
            self._handler.closed(self)

    def respond(self, response: Sequence[bytes], *, keep: bool) -> None:
        """Send a whole response, head and body, in parts; without ``keep`` it is the last."""
        if self.closed:
            return
        self._keep = keep
        self._out = [memoryview(part) for part in response]
        self._enter(WRITING, WRITE_SECONDS)
        self._write()

    def _enter(self, state: int, seconds: float) -> None:
        self.state = state
        self.since = time.monotonic()
        self.deadline = self.since + seconds
        self._handler.set_deadline(self.deadline)

    def _read(self) -> None:
        try:
            block = self._socket.recv(_BLOCK)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if self._lingered >= 0:
            self._lingered += len(block)
            if not block or self._lingered > _LINGER_BYTES:
                self.close()
        elif block:
            self._data += block
            self._next()
        else:
            self.close()  # no response is lost: while one is being sent, nothing is read

    def _next(self) -> None:
        """Handle the next request, if it is complete."""
        if self.closed or self.state in (WRITING, WAITING):
            return
        try:
            found = request_head.parse_head(self._data)
        except request_head.MalformedRequest as malformed:
            self._loop.forget_reader(self._descriptor)
            self.respond(self._handler.refuse(malformed.status), keep=False)
            return
        if found is None:
            if self._data and self.state == IDLE:
                self._enter(READING, HEAD_SECONDS)
            self._loop.watch(self._descriptor, self._read)
            return
        head, length = found
        del self._data[:length]
        self._loop.forget_reader(self._descriptor)
        self._enter(WAITING, WRITE_SECONDS)
        self._handler.handle(self, head)

    def _write(self) -> None:
        try:
            while self._out:
                sent = self._socket.sendmsg(self._out)
                while self._out and sent >= len(self._out[0]):
                    sent -= len(self._out.pop(0))
                if sent:
                    self._out[0] = self._out[0][sent:]
        except BlockingIOError:
            self._loop.watch_writable(self._descriptor, self._write)
            return
        except OSError:
            self.close()
            return
        self._loop.forget_writer(self._descriptor)
        if not self._keep:
            self._linger()
            return
        self._enter(IDLE, IDLE_SECONDS)
        if self._data:
            # In a later turn, without reading meanwhile: a thousand requests in one packet delay nothing else.
            self._loop.after(0.0, self._next)
        else:
            self._loop.watch(self._descriptor, self._read)

    def _linger(self) -> None:
        """Read on for a moment: closing with unread data would destroy the response (RFC 9112, 9.6)."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:  # the client is gone
            self.close()
            return
        self._data.clear()
        self._lingered = 0
        self._enter(IDLE, LINGER_SECONDS)
        self._loop.watch(self._descriptor, self._read)
