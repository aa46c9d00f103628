"""HTTP/1.1 connections to servers, straight or through a proxy: opened, kept for the next request, secured with TLS.

Sockets and httptools do this for a tenth of what http.client and urllib3 cost at the start of a build (decision 187).
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from grocker.regex import regex
from grocker.web.body import PIECE, BodyStream, split_body
from grocker.web.raw_response import NoResponseError, RawResponse
from grocker.web.tls import ByteStream, pending, wrap_tls

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ssl import SSLContext

_MOST_IDLE = 8
"""connections to a server that are kept"""
_REFUSAL = 5.0
"""seconds to wait for a response to a request that could not be sent whole"""
_TOKEN = regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_CONTROL = regex(r"[\x00-\x08\x0a-\x1f\x7f]")
_UNENCODED = regex(r"[^!-~]|[\"<>\\^`{|}\[\]]|%(?![0-9A-Fa-f]{2})")
_BAD_HOST = regex(r"[^!-~]|[\"<>\\^`{|}/?#@%]")
_LONGEST_LABEL = 63  # RFC 1035, section 2.3.4
_PORTS = {"http": 80, "https": 443}


class HostError(Exception):
    """No server can have this name."""


class HeaderError(Exception):
    """A request has characters that HTTP does not permit."""


class ConnectTimeoutError(Exception):
    """There was no connection in time."""


class TunnelError(Exception):
    """A proxy does not connect: the status of its response."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Endpoint(msgspec.Struct, frozen=True):
    """A server, or a proxy.

    ``scheme``: http or https. ``host``: a name in ASCII, or an address without brackets, perhaps with a zone
    (``fe80::1%eth0``). ``authorization``: a proxy's, if any.
    """

    scheme: str
    host: str
    port: int
    authorization: str | None = None

    def __repr__(self) -> str:
        return f"Endpoint({self.scheme}, {self.authority})"  # without the secret

    @classmethod
    def of(cls, scheme: str, host: str, port: int | None, authorization: str | None = None) -> Endpoint:
        """Make one of the parts of a URL. Raises HostError."""
        name, percent, zone = host.partition("%") if ":" in host else (host, "", "")
        labels = name.removesuffix(".").split(".")
        if _BAD_HOST.search(name + zone) or not all(0 < len(label) <= _LONGEST_LABEL for label in labels):
            raise HostError(host)
        return cls(scheme, f"{name}{percent}{zone.removeprefix('25')}", port or _PORTS[scheme], authorization)

    @property
    def authority(self) -> str:
        """Host and port."""
        return f"{self._bracketed}:{self.port}"

    @property
    def host_header(self) -> str:
        """Host, and port where it is not the scheme's (RFC 9110, section 7.2)."""
        return self._bracketed if self.port == _PORTS[self.scheme] else self.authority

    @property
    def _bracketed(self) -> str:
        return f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host


class _Connection:
    """An open connection; the Peer of one response after the other."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    def send(
        self,
        head: bytes,
        body: bytes | BodyStream | None,
        *,
        method: str,
        size: int | None,
        seconds: float,
        release: Callable[[], None],
    ) -> RawResponse:
        """Send a request and read the beginning of its response.

        ``head``: request line and headers. ``size``: see ``split_body``. ``seconds``: to wait for each piece.
        ``release``: see RawResponse. Raises what that raises, and BodyError.
        """
        pieces: Iterable[bytes | memoryview] = chain([head], split_body(body, size))
        if isinstance(body, bytes) and len(body) <= PIECE:
            pieces = [head + body]
        failure = self._send(pieces, seconds)
        if failure is None:
            return RawResponse(self, method, seconds, release=release)
        # A server that refuses a long body may respond before all of it came, and read no more.
        try:
            return RawResponse(self, method, min(seconds, _REFUSAL), release=None)
        except NoResponseError:
            raise
        except Exception as error:
            raise failure from error

    def _send(self, pieces: Iterable[bytes | memoryview], seconds: float) -> OSError | None:
        """Send the pieces; return what prevented that."""
        self._stream.settimeout(seconds)
        for piece in pieces:
            try:
                self._stream.sendall(piece)
            except OSError as error:
                return error
        return None

    def receive(self, size: int, seconds: float) -> bytes:
        """See Peer."""
        self._stream.settimeout(seconds)
        return self._stream.recv(size)

    def close(self) -> None:
        """See Peer."""
        self._stream.close()

    @property
    def is_alive(self) -> bool:
        """Whether an idle connection can take a request: nothing came on it, not even its end."""
        poll = select.poll()
        poll.register(self._stream.fileno(), select.POLLIN)
        return not poll.poll(0) and not pending(self._stream)


class Connections:
    """All connections of a process, by servers and proxies; thread safe."""

    def __init__(self, seconds: float) -> None:
        """``seconds``: to wait for a connection."""
        self._seconds = seconds
        self._idle: dict[tuple[Endpoint, Endpoint | None], list[_Connection]] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def __del__(self) -> None:
        self.close()

    def send(
        self,
        method: str,
        server: Endpoint,
        target: str,
        headers: Mapping[str, str],
        body: bytes | BodyStream | None,
        *,
        proxy: Endpoint | None,
        context: SSLContext | None,
        seconds: float,
    ) -> RawResponse:
        """Send a request over a connection that is open, or a new one, and read the beginning of its response.

        ``target``: path and query. ``headers``: without Host; a stream without Content-Length goes in chunks.
        ``context``: for TLS, where ``server`` or ``proxy`` needs it. ``seconds``: to wait for each piece.
        Raises HeaderError, BodyError, ConnectTimeoutError, TunnelError, ResponseError, SlowResponseError, OSError.
        """
        framed, size = _frame(method, headers, body)
        target = _UNENCODED.sub(lambda match: quote(match[0], errors="surrogateescape"), target)
        if proxy is not None and server.scheme == "http":
            target = f"http://{server.host_header}{target}"
            if proxy.authorization is not None:
                framed["Proxy-Authorization"] = proxy.authorization
        head = _head(method, target, server.host_header, framed)

        def send(connection: _Connection) -> RawResponse:
            release = partial(self._keep, (server, proxy), connection)
            try:
                return connection.send(head, body, method=method, size=size, seconds=seconds, release=release)
            except BaseException:
                connection.close()
                raise

        if (idle := self._take(server, proxy)) is not None:
            try:
                return send(idle)
            except (NoResponseError, ConnectionResetError, BrokenPipeError):
                # The server closed it meanwhile (RFC 9112, section 9.3.1). What changes something there is not sent
                # again: who sent it asks first whether it arrived.
                if method not in ("GET", "HEAD"):
                    raise
        return send(self._open(server, proxy, context))

    def close(self) -> None:
        """Close idle connections now, and busy ones when their responses end."""
        with self._lock:
            self._is_closed = True
            for idle in self._idle.values():
                while idle:
                    idle.pop().close()

    def _keep(self, route: tuple[Endpoint, Endpoint | None], connection: _Connection) -> None:
        with self._lock:
            idle = self._idle.setdefault(route, [])
            if not self._is_closed and len(idle) < _MOST_IDLE:
                idle.append(connection)
                return
        connection.close()

    def _take(self, server: Endpoint, proxy: Endpoint | None) -> _Connection | None:
        """Take an idle connection that is still open."""
        while True:
            with self._lock:
                idle = self._idle.get((server, proxy))
                if not idle:
                    return None
                connection = idle.pop()
            if connection.is_alive:
                return connection
            connection.close()

    def _open(self, server: Endpoint, proxy: Endpoint | None, context: SSLContext | None) -> _Connection:
        first = proxy or server
        try:
            # Bytes: for a string, an encoding is imported, which takes 2 ms.
            address: Any = first.host.encode(), first.port
            plain = socket.create_connection(address, self._seconds)
        except TimeoutError as error:
            raise ConnectTimeoutError from error
        stream: ByteStream = plain
        try:
            for option in _options():
                plain.setsockopt(*option)
            if first.scheme == "https":
                assert context is not None
                stream = wrap_tls(stream, context, first.host)
            if proxy is not None and server.scheme == "https":
                assert context is not None
                _tunnel(stream, server, proxy, self._seconds)
                stream = wrap_tls(stream, context, server.host)
            return _Connection(stream)
        except TimeoutError as error:
            stream.close()
            raise ConnectTimeoutError from error
        except BaseException:
            stream.close()
            raise


def _options() -> list[tuple[int, int, int]]:
    """Make the options of every connection: unbuffered, and kept alive while a response is awaited for minutes.

    Routers and load balancers forget a connection that is silent, and a peer that is gone is noticed only by probes.
    """
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 8)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options


class _Tunnel:
    """The Peer of the response to CONNECT, after which the stream stays open, also in HTTP/1.0."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    def receive(self, size: int, seconds: float) -> bytes:
        self._stream.settimeout(seconds)
        return self._stream.recv(size)

    def close(self) -> None:
        pass


def _tunnel(stream: ByteStream, server: Endpoint, proxy: Endpoint, seconds: float) -> None:
    """Ask ``proxy`` for a connection to ``server`` (RFC 9110, section 9.3.6). Raises TunnelError."""
    headers = {} if proxy.authorization is None else {"Proxy-Authorization": proxy.authorization}
    stream.settimeout(seconds)
    stream.sendall(_head("CONNECT", server.authority, server.authority, headers))
    response = RawResponse(_Tunnel(stream), "CONNECT", seconds, release=None)
    if not 200 <= response.status < 300:
        raise TunnelError(response.status)


def _frame(
    method: str, headers: Mapping[str, str], body: bytes | BodyStream | None
) -> tuple[dict[str, str], int | None]:
    """Return the headers with those that tell where the body ends, and its length; None if it goes in chunks."""
    framed = dict(headers)
    said = next((value for name, value in headers.items() if name.lower() == "content-length"), None)
    if said is not None:
        return framed, int(said)
    if body is not None and not isinstance(body, bytes):
        framed["Transfer-Encoding"] = "chunked"
        return framed, None
    size = len(body or b"")
    if body is not None or method not in ("GET", "HEAD"):
        framed["Content-Length"] = str(size)
    return framed, size


def _head(method: str, target: str, host: str, headers: Mapping[str, str]) -> bytes:
    """Make request line and headers; ``target`` is encoded. Raises HeaderError."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *map(": ".join, headers.items())]
    if all(map(_TOKEN.fullmatch, (method, *headers))) and not any(map(_CONTROL.search, lines)):
        try:
            return "\r\n".join([*lines, "", ""]).encode("latin-1")
        except UnicodeEncodeError:
            pass  # its message would show the header's value
    raise HeaderError
