"""TLS over a connection, also over one that has it already."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Protocol

from grocker.web.body import PIECE

if TYPE_CHECKING:
    from ssl import SSLContext


class ByteStream(Protocol):
    """The part of the socket interface that connections use."""

    def settimeout(self, seconds: float | None, /) -> None:
        """Limit how long each call takes, in seconds."""

    def sendall(self, data: bytes | memoryview, /) -> None:
        """Send all of ``data``."""

    def recv(self, size: int, /) -> bytes:
        """Receive at most ``size`` bytes; none at the end."""

    def fileno(self) -> int:
        """Return the number of the socket's descriptor."""

    def close(self) -> None:
        """End the connection."""


class _TlsInTls:
    """TLS to a server through a proxy that is itself reached by TLS, which sockets of the ssl module do not offer."""

    def __init__(self, outer: ByteStream, context: SSLContext, host: str) -> None:
        import ssl

        self._outer = outer
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._to_send, server_hostname=host)
        self._run(self._tls.do_handshake)

    def _run(self, call: Any, *arguments: object) -> Any:
        import ssl

        while True:
            try:
                result = call(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                if data := self._outer.recv(PIECE):
                    self._received.write(data)
                else:
                    self._received.write_eof()
                continue
            self._flush()
            return result

    def _flush(self) -> None:
        if data := self._to_send.read():
            self._outer.sendall(data)

    def settimeout(self, seconds: float | None, /) -> None:
        self._outer.settimeout(seconds)

    def sendall(self, data: bytes | memoryview, /) -> None:
        self._run(self._tls.write, data)

    def recv(self, size: int, /) -> bytes:
        import ssl

        try:
            data: bytes = self._run(self._tls.read, size)
        except ssl.SSLZeroReturnError:
            return b""
        return data

    def pending(self) -> int:
        return self._received.pending + self._tls.pending() + pending(self._outer)

    def fileno(self) -> int:
        return self._outer.fileno()

    def close(self) -> None:
        self._outer.close()


def wrap_tls(stream: ByteStream, context: SSLContext, host: str) -> ByteStream:
    """Add TLS to a connection; ``host``: the name that the certificate must match."""
    name = host.removesuffix(".").partition("%")[0]
    if isinstance(stream, context.sslsocket_class):
        return _TlsInTls(stream, context, name)
    assert isinstance(stream, socket.socket)
    # An end without notice is an error: it may be an attacker's (RFC 9112, section 9.8).
    return context.wrap_socket(stream, server_hostname=name, suppress_ragged_eofs=False)


def pending(stream: ByteStream) -> int:
    """Return how many received bytes TLS holds that nobody has read yet: poll(2) does not see them."""
    count = getattr(stream, "pending", None)
    return int(count()) if count is not None else 0
