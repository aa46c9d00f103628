"""HTTP/1.1 connections to servers, straight or through a proxy: opened, kept for the next request, secured with TLS.

Sockets and httptools do this for a tenth of what http.client and urllib3 cost at the start of a build (decision 187).
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from grocker.errors import DeniedError, UnavailableError
from grocker.regex import regex
from grocker.web.answer import AnswerError, RawAnswer, SlowAnswerError
from grocker.web.body import PIECE, BodyStream, pieces
from grocker.web.broken import BrokenError
from grocker.web.tls import ByteStream, secured

if TYPE_CHECKING:
    from ssl import SSLContext

_MOST_IDLE = 8
"""connections to a server that are kept"""
_CONTROL = regex(r"[\x00-\x08\x0a-\x1f\x7f]")
_UNENCODED = regex(r"[^!-~]|[\"<>\\^`{|}]")
_BAD_HOST = regex(r"[\x00-\x20\x7f\"<>\\^`{|}/?#@%]")
_LONGEST_LABEL = 63  # RFC 1035, section 2.3.4
_PORTS = {"http": 80, "https": 443}


class HostError(Exception):
    """No server can have this name."""


class HeaderError(Exception):
    """A request has characters that HTTP does not permit."""


class ConnectTimeoutError(Exception):
    """There was no connection in time."""


class TunnelError(Exception):
    """A proxy does not connect: the status of its answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Endpoint(msgspec.Struct, frozen=True):
    """A server, or a proxy.

    ``scheme``: http or https. ``host``: a name or an address, no brackets. ``authorization``: a proxy's, if any.
    """

    scheme: str
    host: str
    port: int
    authorization: str | None = None

    @classmethod
    def of(cls, scheme: str, host: str, port: int | None, authorization: str | None = None) -> Endpoint:
        """Make one; names are encoded by IDNA. Raises HostError."""
        try:
            name = host if host.isascii() else host.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise HostError(host) from error
        # An address of IPv6 may name an interface behind a percent sign (RFC 6874).
        labels = name.rstrip(".").split(".")
        if _BAD_HOST.search(name.partition("%")[0] if ":" in name else name) or max(map(len, labels)) > _LONGEST_LABEL:
            raise HostError(host)
        return cls(scheme, name, port or _PORTS[scheme], authorization)

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
        return f"[{self.host}]" if ":" in self.host else self.host


class HttpConnection:
    """An open connection; the Peer of one answer after the other."""

    def __init__(self, stream: ByteStream, keep: Callable[[HttpConnection], None]) -> None:
        """``keep``: called with it when an answer is read, and another request can be sent."""
        self._stream = stream
        self._keep = keep

    def send(
        self,
        head: bytes,
        body: bytes | BodyStream | None,
        *,
        method: str,
        is_chunked: bool,
        seconds: float,
    ) -> RawAnswer:
        """Send a request and read the beginning of its answer.

        ``head``: request line and headers. ``is_chunked``: whether ``body`` goes in chunks. ``seconds``: to wait for
        each piece. Raises AnswerError, SlowAnswerError, OSError.
        """
        self._stream.settimeout(seconds)
        failure = None
        try:
            if isinstance(body, bytes) and len(body) <= PIECE:
                self._stream.sendall(head + body)
            else:
                self._stream.sendall(head)
                for piece in pieces(body, is_chunked):
                    self._stream.sendall(piece)
        except (BrokenPipeError, ConnectionResetError) as error:
            failure = error  # a server that refuses a long body may answer and close before all of it came
        try:
            return RawAnswer(self, method, seconds)
        except Exception as error:
            raise failure or error from error

    def receive(self, size: int, seconds: float) -> bytes:
        """See Peer."""
        self._stream.settimeout(seconds)
        return self._stream.recv(size)

    def release(self) -> None:
        """See Peer."""
        self._keep(self)

    def close(self) -> None:
        """See Peer."""
        self._stream.close()

    @property
    def is_alive(self) -> bool:
        """Whether an idle connection can take a request: nothing came on it, not even its end."""
        poll = select.poll()
        poll.register(self._stream.fileno(), select.POLLIN)
        return not poll.poll(0)


class Connections:
    """All connections of a process, by servers and proxies; thread safe."""

    def __init__(self, seconds: float) -> None:
        """``seconds``: to wait for a connection."""
        self._seconds = seconds
        self._idle: dict[tuple[Endpoint, Endpoint | None], list[HttpConnection]] = {}
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
    ) -> RawAnswer:
        """Send a request over a connection that is open, or a new one; see ``HttpConnection.send``.

        ``target``: path and query. ``headers``: without Host; a stream without Content-Length goes in chunks.
        ``context``: for TLS, where ``server`` or ``proxy`` needs it. Raises as well ConnectTimeoutError, TunnelError,
        and HeaderError.
        """
        names = {name.lower() for name in headers}
        is_chunked = body is not None and not isinstance(body, bytes) and "content-length" not in names
        framed = dict(headers)
        if is_chunked:
            framed["Transfer-Encoding"] = "chunked"
        elif "content-length" not in names and (isinstance(body, bytes) or method not in ("GET", "HEAD")):
            framed["Content-Length"] = str(len(body) if isinstance(body, bytes) else 0)
        if proxy is not None and server.scheme == "http":
            target = f"http://{server.host_header}{target}"
            if proxy.authorization is not None:
                framed["Proxy-Authorization"] = proxy.authorization
        head = _head(method, target, server.host_header, framed)
        connection = self._take(server, proxy) or self._open(server, proxy, context)
        try:
            return connection.send(head, body, method=method, is_chunked=is_chunked, seconds=seconds)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Close those that no request uses, and the others after their answers."""
        with self._lock:
            self._is_closed = True
            for idle in self._idle.values():
                while idle:
                    idle.pop().close()

    def _keep(self, route: tuple[Endpoint, Endpoint | None], connection: HttpConnection) -> None:
        with self._lock:
            idle = self._idle.setdefault(route, [])
            if not self._is_closed and len(idle) < _MOST_IDLE:
                idle.append(connection)
                return
        connection.close()

    def _take(self, server: Endpoint, proxy: Endpoint | None) -> HttpConnection | None:
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

    def _open(self, server: Endpoint, proxy: Endpoint | None, context: SSLContext | None) -> HttpConnection:
        first = proxy or server
        try:
            # Bytes: for a string, an encoding is imported, which takes 2 ms.
            address: Any = first.host.encode(), first.port
            stream: ByteStream = socket.create_connection(address, self._seconds)
        except TimeoutError as error:
            raise ConnectTimeoutError from error
        try:
            for option in _options():
                stream.setsockopt(*option)  # type: ignore[attr-defined]
            if first.scheme == "https" and context is not None:
                stream = secured(stream, context, first.host)
            if proxy is not None and server.scheme == "https" and context is not None:
                _tunnel(stream, server, proxy, self._seconds)
                stream = secured(stream, context, server.host)
            return HttpConnection(stream, partial(self._keep, (server, proxy)))
        except TimeoutError as error:
            stream.close()
            raise ConnectTimeoutError from error
        except BaseException:
            stream.close()
            raise


def _options() -> list[tuple[int, int, int]]:
    """Make the options of every connection: unbuffered, and kept alive while an answer is awaited for minutes.

    Routers and load balancers forget a connection that is silent, and a peer that is gone is noticed only by probes.
    """
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 8)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options


class _Tunnel:
    """The Peer of the answer to CONNECT, whose end is the beginning of the tunnel: also in HTTP/1.0."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    def receive(self, size: int, seconds: float) -> bytes:
        self._stream.settimeout(seconds)
        return self._stream.recv(size)

    def release(self) -> None:
        pass

    def close(self) -> None:
        pass


def _tunnel(stream: ByteStream, server: Endpoint, proxy: Endpoint, seconds: float) -> None:
    """Ask ``proxy`` for a connection to ``server`` (RFC 9110, section 9.3.6). Raises TunnelError."""
    headers = {} if proxy.authorization is None else {"Proxy-Authorization": proxy.authorization}
    head = _head("CONNECT", server.authority, server.authority, headers)
    stream.settimeout(seconds)
    stream.sendall(head)
    answer = RawAnswer(_Tunnel(stream), "CONNECT", seconds)
    if not 200 <= answer.status < 300:
        raise TunnelError(answer.status)


def _head(method: str, target: str, host: str, headers: Mapping[str, str]) -> bytes:
    """Make request line and headers. Raises HeaderError."""
    try:
        encoded = _UNENCODED.sub(lambda match: quote(match[0]), target)
        lines = [f"{method} {encoded} HTTP/1.1", f"Host: {host}", *map(": ".join, headers.items())]
        if not any(_CONTROL.search(line) for line in lines):
            return "\r\n".join([*lines, "", ""]).encode("latin-1")
    except UnicodeEncodeError:
        pass  # its message would show the header's value
    raise HeaderError


def translate_failure(error: Exception, shown: str, action: str, via: str) -> Exception:
    """Translate what prevented an answer: GrockerError when no retry can help, else BrokenError.

    ``shown``: the URL. ``via``: the proxy in words, if any.
    """
    import ssl

    match error:
        case ssl.SSLCertVerificationError():
            return UnavailableError(
                f"{action}: {shown}: the certificate is not trusted{via}: {error.verify_message}",
                hint="if you trust the server, set SSL_CERT_FILE to the file of its certificate authority",
            )
        case TunnelError(status=407):
            return DeniedError(
                f"{action}: {shown}: the proxy refused the credentials{via}",
                hint="set user:password@ before the proxy's host in that variable",
            )
        case TunnelError():
            return BrokenError(f"the proxy answered {error.status}{via}", 2)
        case socket.gaierror():
            who = "the proxy's name" if via else "the name"
            return BrokenError(f"cannot resolve {who}{via}", 3 if error.errno == socket.EAI_AGAIN else 2)
        case ConnectionRefusedError():
            return BrokenError(f"connection refused{via}", 3)
        case ssl.SSLError():
            return BrokenError(f"TLS failed{via}: {error.reason or 'no reason given'}", 2)
        case ConnectTimeoutError():
            return BrokenError(f"timeout while connecting{via}", 3)
        case SlowAnswerError() | TimeoutError():
            return BrokenError(f"timeout waiting for the answer{via}", 2)
        case AnswerError():
            return BrokenError(f"{error}{via}")
        case OSError(strerror=str(words)) if words:
            return BrokenError(f"{words[:1].lower()}{words[1:]}{via}")
        case _:
            raise error
