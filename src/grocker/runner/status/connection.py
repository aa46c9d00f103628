"""One client of port 8081. Contract: H4.

A request is answered before the next is looked at; what a client does not take waits for room, not the loop.
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
    from .request_head import Head

    class Server(Protocol):
        """What a connection needs of whoever accepted it."""

        def take(self, connection: Connection, head: Head) -> None:
            """A request, to be answered by :meth:`Connection.answer`, now or later."""

        def refusal(self, status: int) -> Sequence[bytes]:
            """The answer to what is no request."""

        def due(self, deadline: float) -> None:
            """The connection has a deadline now, monotonic."""

        def gone(self, connection: Connection) -> None:
            """It is closed; called once."""


IDLE, READING, WRITING, WAITING = range(4)
"""What goes on: nothing, part of a head is there, part of an answer is not taken, an answer is being made.

Who does the least is the first to go when there is no room.
"""

HEAD_SECONDS = 5.0  # for a head, from its first byte on, and for the first request of a connection
IDLE_SECONDS = 60.0  # between requests
WRITE_SECONDS = 30.0  # for taking one answer
LINGER_SECONDS = 1.0  # for what a refused client still sends
_LINGER_BYTES = 1 << 20
_BLOCK = 8 << 10


class Connection:
    """A resource, closed by whoever accepted it or by itself: ``server`` is told."""

    __slots__ = (
        "_data",
        "_descriptor",
        "_keep",
        "_lingered",
        "_loop",
        "_out",
        "_server",
        "_socket",
        "deadline",
        "since",
        "state",
    )

    def __init__(self, loop: Loop, client: socket.socket, server: Server) -> None:
        self._loop = loop
        self._socket = client
        self._descriptor = client.fileno()
        self._server = server
        self._data = bytearray()
        self._out: list[memoryview] = []
        self._keep = True
        self._lingered = -1  # bytes thrown away since the last answer, -1 while there is none
        self._become(IDLE, HEAD_SECONDS)

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._descriptor < 0

    @property
    def pending(self) -> int:
        """Bytes that the client has not taken."""
        return sum(len(part) for part in self._out)

    def open(self) -> None:
        """Takes what is there already, and what comes."""
        self._loop.watch(self._descriptor, self._read)
        self._read()

    def close(self) -> None:
        """At once; what was not taken is lost."""
        if not self.closed:
            self._loop.forget(self._descriptor)
            self._descriptor = -1
            self._data, self._out = bytearray(), []
            self._socket.close()
            self._server.gone(self)

    def answer(self, response: Sequence[bytes], *, keep: bool) -> None:
        """The whole response, head and body, in parts; without ``keep`` it is the last."""
        if self.closed:
            return
        self._keep = keep
        self._out = [memoryview(part) for part in response]
        self._become(WRITING, WRITE_SECONDS)
        self._write()

    def _become(self, state: int, seconds: float) -> None:
        self.state = state
        self.since = time.monotonic()
        self.deadline = self.since + seconds
        self._server.due(self.deadline)

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
            self.close()  # nothing is owed: an answer that is not taken yet has the reader forgotten

    def _next(self) -> None:
        """The next request, if it is complete."""
        if self.closed or self.state in (WRITING, WAITING):
            return
        try:
            found = request_head.parse(self._data)
        except request_head.Refused as refused:
            self._loop.forget_reader(self._descriptor)
            self.answer(self._server.refusal(refused.status), keep=False)
            return
        if found is None:
            if self._data and self.state == IDLE:
                self._become(READING, HEAD_SECONDS)
            self._loop.watch(self._descriptor, self._read)
            return
        head, length = found
        del self._data[:length]
        self._loop.forget_reader(self._descriptor)
        self._become(WAITING, WRITE_SECONDS)
        self._server.take(self, head)

    def _write(self) -> None:
        try:
            while self._out:
                sent = self._socket.sendmsg(self._out)
                while self._out and sent >= len(self._out[0]):
                    sent -= len(self._out.pop(0))
                if sent:
                    self._out[0] = self._out[0][sent:]
        except BlockingIOError:
            self._loop.watch_room(self._descriptor, self._write)
            return
        except OSError:
            self.close()
            return
        self._loop.forget_room(self._descriptor)
        if not self._keep:
            self._linger()
            return
        self._become(IDLE, IDLE_SECONDS)
        if self._data:
            # In a turn of its own, nothing being read meanwhile: a thousand requests in one packet hold up nobody.
            self._loop.after(0.0, self._next)
        else:
            self._loop.watch(self._descriptor, self._read)

    def _linger(self) -> None:
        """A close while something unread arrives would take the answer away from the client (RFC 9112, 9.6)."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:  # it is gone
            self.close()
            return
        self._data.clear()
        self._lingered = 0
        self._become(IDLE, LINGER_SECONDS)
        self._loop.watch(self._descriptor, self._read)
