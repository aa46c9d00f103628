"""An answer on a connection: status and headers at once, the body as it is read (RFC 9112)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from grocker.web.broken import BrokenError

_MOST_HEADERS = 1 << 16
"""bytes of status line and headers"""
_PIECE = 1 << 17
"""bytes that are received at a time"""
_NO_BODY = frozenset({204, 304})  # RFC 9112, section 6.3


class Peer(Protocol):
    """The connection that an answer comes from."""

    def receive(self, size: int, seconds: float) -> bytes:
        """Receive at most ``size`` bytes; none at the end. Raises TimeoutError after ``seconds``, OSError."""

    def release(self) -> None:
        """Keep the connection for another request."""

    def close(self) -> None:
        """End the connection."""


class AnswerError(Exception):
    """There is no answer, or what came is not one: the reason in words."""


class SlowAnswerError(Exception):
    """The status line and the headers did not come in time."""


class Headers(Mapping[str, str]):
    """The headers of an answer by their names, in any case; the values of repeated ones are joined by commas."""

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
    """Parses one answer; the methods ``on_…`` are httptools' callbacks."""

    def __init__(self, *, has_body: bool) -> None:
        """``has_body``: False for what answers HEAD and CONNECT."""
        self.status = 0
        self.reason = ""
        self.version = ""
        self.headers = Headers()
        self.body: deque[bytes] = deque()
        self.has_headers = False
        self.is_complete = False
        self.has_more = False
        """whether anything came behind the answer"""
        self._has_body = has_body
        self._is_malformed = False
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Parse what was received. Raises AnswerError for what is not HTTP."""
        if self._parser is None:
            self.has_more = True
            return
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as error:
            raise AnswerError("the answer changes the protocol") from error
        except HttpParserError as error:
            if not self.is_complete:
                raise AnswerError("the answer is not valid HTTP") from error
            self.has_more = True
        if self._is_malformed:
            raise AnswerError("the answer is not valid HTTP")
        if self.is_complete:
            self._parser = None  # which refers to this object: nothing looks for cycles (see cli.main)

    def end(self) -> bool:
        """Tell the parser that the connection ended; return whether the answer is whole."""
        if self.has_headers and not self.headers.keys() & {"content-length", "transfer-encoding"}:
            self.is_complete, self._parser = True, None
        return self.is_complete

    def on_message_begin(self) -> None:
        self.has_more = self.is_complete

    def on_status(self, text: bytes) -> None:
        if not self.is_complete:
            self.reason += text.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_headers:  # else it is a trailer, or behind the answer
            self.headers.add(name, value)

    def on_headers_complete(self) -> None:
        if self.is_complete or self._parser is None:
            return
        status = self._parser.get_status_code()
        self._is_malformed |= status < 100
        if status < 200:  # an interim answer, of which nothing counts
            self.reason, self.headers = "", Headers()
            return
        self.status, self.version, self.has_headers = status, self._parser.get_http_version(), True
        self.is_complete = not self._has_body or status in _NO_BODY

    def on_body(self, data: bytes) -> None:
        if self.is_complete:
            self.has_more = True
        elif self.has_headers:
            self.body.append(data)
        else:  # an interim answer has none (RFC 9112, section 6.3); which one this belongs to is anybody's guess
            self._is_malformed = True

    def on_message_complete(self) -> None:
        self.is_complete = self.is_complete or self.has_headers


class RawAnswer:
    """One answer. Reading its body to the end, or ``close``, frees the connection."""

    def __init__(self, peer: Peer, method: str, seconds: float) -> None:
        """Read status line and headers; ``seconds`` for them as a whole, and later for each piece of the body.

        Raises AnswerError, SlowAnswerError, OSError.
        """
        self._peer: Peer | None = peer
        self._seconds = seconds
        self._parser = parser = _Parser(has_body=method not in ("HEAD", "CONNECT"))
        self._read = 0
        until, received = time.monotonic() + seconds, 0
        while not parser.has_headers:
            if received > _MOST_HEADERS:
                raise AnswerError(f"the answer has more than {_MOST_HEADERS >> 10} KiB of headers")
            try:
                data = peer.receive(_PIECE, max(until - time.monotonic(), 0.001))
            except TimeoutError as error:
                raise SlowAnswerError from error
            if not data:
                within = " within the headers" if received else " without an answer"
                raise AnswerError(f"the connection was closed{within}")
            parser.feed(data)
            received += len(data)
        self.status: int = parser.status
        self.reason = parser.reason
        self.headers = parser.headers
        closes = "close" in [one.strip().lower() for one in self.headers.get("Connection", "").split(",")]
        self._is_kept = parser.version == "1.1" and not closes
        self._free()

    @property
    def left(self) -> int | None:
        """How many bytes of the body are still to be read; None where nothing says so."""
        if self._parser.is_complete:
            return sum(map(len, self._parser.body))
        said = self.headers.get("Content-Length")
        return int(said) - self._read if said is not None else None

    def read(self, size: int) -> bytes:
        """Read at most ``size`` bytes of the body as soon as there are any; none at its end. Raises BrokenError."""
        body = self._parser.body
        while not body:
            if self._parser.is_complete:
                return b""
            self._receive()
        data = body.popleft()
        if len(data) > size:
            body.appendleft(data[size:])
            data = data[:size]
        self._read += len(data)
        return data

    def _receive(self) -> None:
        """Receive more of the body. Raises BrokenError."""
        if self._peer is None:
            raise BrokenError("the connection was cut")
        try:
            data = self._peer.receive(_PIECE, self._seconds)
            if data:
                self._parser.feed(data)
            elif not self._parser.end():
                raise BrokenError("the connection was cut")
        except TimeoutError as error:
            raise BrokenError("the connection stalled", 2) from error
        except (AnswerError, OSError) as error:
            raise BrokenError("the connection was cut") from error
        self._free()

    def _free(self) -> None:
        """Free the connection when the whole answer came."""
        if self._parser.is_complete and self._peer is not None:
            peer, self._peer = self._peer, None
            if self._is_kept and not self._parser.has_more:
                peer.release()
            else:
                peer.close()

    def close(self) -> None:
        """End the connection, unless another request has it already."""
        if self._peer is not None:
            peer, self._peer = self._peer, None
            peer.close()
