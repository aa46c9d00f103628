"""A response as it arrives on a connection: status and headers at once, the body as it is read (RFC 9112)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from grocker.web.body import PIECE
from grocker.web.broken_connection import BrokenError

_MOST_HEADERS = 1 << 16
"""bytes of status line and headers, and of anything else that is no body"""
_NO_BODY = frozenset({204, 304})  # RFC 9112, section 6.3
_MALFORMED = "the response is not valid HTTP"


class Peer(Protocol):
    """The connection that a response comes from."""

    def receive(self, size: int, seconds: float) -> bytes:
        """Receive at most ``size`` bytes; none at the end. Raises TimeoutError after ``seconds``, OSError."""

    def close(self) -> None:
        """End the connection."""


class ResponseError(Exception):
    """The response is missing or malformed: the reason in words."""


class NoResponseError(ResponseError):
    """The connection ended before the first byte of a response."""


class SlowResponseError(Exception):
    """The status line and the headers did not come in time."""


class Headers(Mapping[str, str]):
    """The headers of a response by their names, in any case; the values of repeated ones are joined by commas."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def add(self, name: bytes, value: bytes) -> None:
        """Add a header as it came: ISO 8859-1 (RFC 9110, section 5.5)."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")
        self._values[key] = f"{self._values[key]}, {text}" if key in self._values else text


class _Parser:
    """Parses one response; the methods ``on_…`` are httptools' callbacks."""

    def __init__(self, *, has_body: bool) -> None:
        """``has_body``: False for responses to HEAD and CONNECT."""
        self.status = 0
        self.reason = ""
        self.version = ""
        self.headers = Headers()
        self.body: deque[bytes] = deque()
        self.has_headers = False
        self.is_complete = False
        self.has_more = False
        """whether data followed the response"""
        self._has_body = has_body
        self._is_malformed = False
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Parse what was received. Raises ResponseError for what is not HTTP."""
        if self._parser is None:
            self.has_more = True
            return
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as error:
            raise ResponseError("the server switched protocols") from error
        except HttpParserError as error:
            if not self.is_complete:
                raise ResponseError(_MALFORMED) from error
            self.has_more = True
        if self._is_malformed:
            raise ResponseError(_MALFORMED)
        if self.is_complete:
            self.drop()

    def end(self) -> bool:
        """Tell the parser that the connection ended; return whether the response is whole."""
        if self.has_headers and not self.headers.keys() & {"content-length", "transfer-encoding"}:
            self.is_complete = True
            self.drop()
        return self.is_complete

    def drop(self) -> None:
        """Drop httptools' parser, which refers to this object: garbage collection, which is off, would break that."""
        self._parser = None

    def on_message_begin(self) -> None:
        self.has_more = self.is_complete

    def on_status(self, text: bytes) -> None:
        if not self.is_complete:
            self.reason += text.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_headers:  # else it is a trailer, or data after the response
            self.headers.add(name, value)

    def on_headers_complete(self) -> None:
        if self.is_complete or self._parser is None:
            return
        status = self._parser.get_status_code()
        self._is_malformed |= status < 100
        if status < 200:  # an interim response, which is ignored
            self.reason, self.headers = "", Headers()
            return
        self.status, self.version, self.has_headers = status, self._parser.get_http_version(), True
        self.is_complete = not self._has_body or status in _NO_BODY

    def on_body(self, data: bytes) -> None:
        if self.is_complete:
            self.has_more = True
        elif self.has_headers:
            self.body.append(data)
        else:  # an interim response has none (RFC 9112, section 6.3): what follows is ambiguous
            self._is_malformed = True

    def on_message_complete(self) -> None:
        self.is_complete = self.is_complete or self.has_headers


class RawResponse:
    """One response. Reading its body to the end, or ``close``, frees the connection."""

    def __init__(self, peer: Peer, method: str, seconds: float, *, release: Callable[[], None] | None) -> None:
        """Read status line and headers.

        ``seconds``: for all of that, and later for each piece of the body. ``release``: called when the response is
        whole, and ``peer`` can take another request; None if it never can, and is closed.
        Raises ResponseError, SlowResponseError, OSError.
        """
        self._peer: Peer | None = peer
        self._release = release
        self._seconds = seconds
        self._parser = _Parser(has_body=method not in ("HEAD", "CONNECT"))
        self._read = 0
        self._read_headers(peer, seconds)
        parser = self._parser
        self.status: int = parser.status
        self.reason = parser.reason
        self.headers = parser.headers
        coding = self.headers.get("Transfer-Encoding", "chunked")
        if coding.lower() != "chunked" and method != "HEAD":
            raise ResponseError(f"the server sends an unsupported Transfer-Encoding: {coding[:40]}")
        closes = "close" in [one.strip().lower() for one in self.headers.get("Connection", "").split(",")]
        if parser.version != "1.1" or closes:
            self._release = None
        self._free()

    def _read_headers(self, peer: Peer, seconds: float) -> None:
        until, received = time.monotonic() + seconds, 0
        while not self._parser.has_headers:
            if received > _MOST_HEADERS:
                raise ResponseError(f"the response headers exceed {_MOST_HEADERS >> 10} KiB")
            try:
                data = peer.receive(_MOST_HEADERS + 1 - received, max(until - time.monotonic(), 0.001))
            except TimeoutError as error:
                raise SlowResponseError from error
            if not data and received:
                raise ResponseError("the connection was closed before the headers were complete")
            if not data:
                raise NoResponseError("the connection was closed without an answer")
            self._parser.feed(data)
            received += len(data)

    @property
    def left(self) -> int | None:
        """How many bytes of the body are still to be read; None if unknown."""
        if self._parser.is_complete:
            return sum(map(len, self._parser.body))
        said = self.headers.get("Content-Length")
        return int(said) - self._read if said is not None else None

    def read(self, size: int) -> bytes:
        """Read at most ``size`` bytes of the body as soon as there are any; none at its end. Raises BrokenError."""
        body = self._parser.body
        until, received = time.monotonic() + self._seconds, 0
        while not body:
            if self._parser.is_complete:
                return b""
            # Sizes of chunks, and trailers, may have any length.
            if received > _MOST_HEADERS:
                raise self._broken(_MALFORMED)
            received += self._receive(max(until - time.monotonic(), 0.001))
        data = body.popleft()
        if len(data) > size:
            body.appendleft(data[size:])
            data = data[:size]
        self._read += len(data)
        return data

    def _receive(self, seconds: float) -> int:
        """Receive more of the body; return how many bytes. Raises BrokenError."""
        if self._peer is None:
            raise BrokenError("the connection was cut")
        try:
            data = self._peer.receive(PIECE, seconds)
            if data:
                self._parser.feed(data)
            elif not self._parser.end():
                raise self._broken("the connection was cut")
        except TimeoutError as error:
            raise self._broken("the connection stalled", 2) from error
        except ResponseError as error:
            raise self._broken(str(error), 2) from error
        except OSError as error:
            raise self._broken("the connection was cut") from error
        self._free()
        return len(data)

    def _broken(self, reason: str, attempts: int | None = None) -> BrokenError:
        self.close()
        return BrokenError(reason, attempts)

    def _free(self) -> None:
        """Free the connection when the whole response came."""
        if self._parser.is_complete and self._peer is not None:
            peer, self._peer = self._peer, None
            if self._release is not None and not self._parser.has_more:
                self._release()
            else:
                peer.close()

    def close(self) -> None:
        """End the connection, unless another request has it already."""
        self._parser.drop()
        if self._peer is not None:
            peer, self._peer = self._peer, None
            peer.close()
