"""Sends a GET request to the service itself, without blocking. Contract: H1, H2.

HTTP/1.0 with ``Connection: close``, so that every server sends the whole response and then closes.
"""

from __future__ import annotations

import errno

from ..base.c_modules import socket
from ..base.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..process.loop import Loop

_HEAD = 32 << 10  # bytes of a response's head
_BLOCK = 64 << 10
_DIGITS = 18  # of a length; more than any that is accepted


class LoopbackRequest:
    """One request in progress."""

    def __init__(
        self,
        loop: Loop,
        request: bytes,
        seconds: float,
        on_response: Callable[[int | None, bytes], None],
        *,
        port: int,
        largest: int,
    ) -> None:
        self._loop = loop
        self._rest = memoryview(request)
        self._on_response: Callable[[int | None, bytes], None] | None = on_response
        self._largest = largest
        self._data = bytearray()
        self._limit = loop.after(seconds, self._fail)
        self._socket: socket.socket | None = None
        try:
            connection = self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError:  # no descriptor left
            loop.after(0.0, self._fail)
            return
        try:
            if connection.connect_ex(("127.0.0.1", port)) in (0, errno.EINPROGRESS):
                loop.watch_writable(connection.fileno(), self._send)
                return
        except OSError:  # epoll_ctl(2): too many watched descriptors
            pass
        loop.after(0.0, self._fail)

    def cancel(self) -> None:
        """Drop the request; there will be no call."""
        self._on_response = None
        self._end(None, b"")

    def _fail(self) -> None:
        self._end(None, b"")

    def _send(self) -> None:
        assert self._socket is not None
        descriptor = self._socket.fileno()
        try:
            self._rest = self._rest[self._socket.send(self._rest) :]
        except BlockingIOError:
            return
        except OSError:  # refused, or closed
            self._fail()
            return
        if not self._rest:
            self._loop.forget_writer(descriptor)
            self._loop.watch(descriptor, self._receive)

    def _receive(self) -> None:
        assert self._socket is not None
        try:
            block = self._socket.recv(_BLOCK)
        except BlockingIOError:
            return
        except OSError:
            self._fail()
            return
        self._data += block
        head = self._data.find(b"\r\n\r\n")
        if head < 0:
            if not block or len(self._data) > _HEAD:
                self._fail()
            return
        status, length = _head(bytes(self._data[:head]))
        size = len(self._data) - head - 4
        if status is None or self._largest == 0:
            self._end(status, b"")
        elif size > self._largest or (length or 0) > self._largest:
            self._fail()
        elif length is not None and size >= length:
            self._end(status, self._body(head + 4, head + 4 + length))
        elif not block and length is None:
            self._end(status, self._body(head + 4, len(self._data)))
        elif not block:
            self._fail()

    def _body(self, start: int, end: int) -> bytes:
        with memoryview(self._data) as data:
            return bytes(data[start:end])

    def _end(self, status: int | None, body: bytes) -> None:
        self._limit.cancel()
        if self._socket is not None and self._socket.fileno() >= 0:
            self._loop.forget(self._socket.fileno())
            self._socket.close()
        self._data = bytearray()
        on_response, self._on_response = self._on_response, None
        if on_response is not None:
            on_response(status, body)


def send_request(
    loop: Loop,
    path: str,
    seconds: float,
    on_response: Callable[[int | None, bytes], None],
    *,
    port: int,
    largest: int = 0,
    accept: str = "*/*",
) -> LoopbackRequest:
    """Request ``path`` on ``port`` of 127.0.0.1; ``on_response`` is called once, later, with status and body.

    The status is None when the connection was refused or closed too early, the response is not HTTP, its body has more
    than ``largest`` bytes, or it did not arrive within ``seconds``. With ``largest`` 0 the body is not read.
    """
    return LoopbackRequest(loop, _request(path, port, accept), seconds, on_response, port=port, largest=largest)


def _request(path: str, port: int, accept: str) -> bytes:
    target = "".join(c if "!" <= c <= "~" else "".join(f"%{byte:02X}" for byte in c.encode()) for c in path)
    return (
        f"GET {target} HTTP/1.0\r\nHost: localhost:{port}\r\nUser-Agent: grocker-runner\r\n"
        f"Accept: {accept}\r\nConnection: close\r\n\r\n"
    ).encode("ascii")


def _head(head: bytes) -> tuple[int | None, int | None]:
    """Return the status, and the body's length if it is given; (None, None) when it is not HTTP."""
    first, *fields = head.split(b"\r\n")
    version, _, rest = first.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit() or len(rest[:3]) != 3:
        return None, None
    length = None
    for field in fields:
        name, _, value = field.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            length = int(value.strip()[:_DIGITS])  # of thousands of digits, int raises ValueError
    return int(rest[:3]), length
