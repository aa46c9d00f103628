"""An answer's body: complete or an error, resumed where the connection broke."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from grocker.errors import CorruptError, UnavailableError
from grocker.web.address import redact_url
from grocker.web.broken_connection import BrokenError

if TYPE_CHECKING:
    from grocker.web.raw_response import RawResponse

_LEAST_RATE = 1000  # bytes a second
_MOMENT = 5.0  # seconds for what nobody waits for: the words of an error, the rest of a body
_DETAIL = 8192  # bytes of an error's body that are kept


class HttpResponse:
    """An accepted answer; closed by the caller, best with ``with``."""

    def __init__(
        self,
        raw: RawResponse,
        url: str,
        action: str,
        again: Callable[[int, BrokenError], RawResponse] | None,
        *,
        patience: float = 60,
    ) -> None:
        """``patience``: seconds of waiting over which the least rate is judged."""
        self._raw = raw
        self._patience = patience
        self._again = again
        self._action = action
        self.status: int = raw.status
        self.headers: Mapping[str, str] = raw.headers
        self.url = redact_url(url)
        """where the answer came from, after redirects, without secrets"""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Return the connection to the pool, or close it if the body was not read to its end."""
        release_connection(self._raw)

    def chunks(self, size: int = 1 << 16) -> Iterator[bytes]:
        """Yield the body, at most ``size`` bytes at a time, without undoing any content coding.

        A truncated body is resumed where it broke; UnavailableError when that does not help.
        """
        done = 0
        pace = _Pace(self._patience)
        while True:
            try:
                while chunk := pace.read(self._raw, size):
                    done += len(chunk)
                    yield chunk
                return
            except BrokenError as failure:
                if self._again is None:
                    raise UnavailableError(
                        f"{self._action}: {self.url}: {failure.reason} after {done} bytes", hint="try again"
                    ) from failure
                release_connection(self._raw)
                self._raw = self._again(done, failure)

    def read(self, limit: int = 64 << 20) -> bytes:
        """Read the whole body. CorruptError when it is longer than ``limit`` bytes."""
        parts: list[bytes] = []
        total = 0
        for chunk in self.chunks():
            total += len(chunk)
            if total > limit:
                raise CorruptError(
                    f"{self._action}: {self.url} sent more than the allowed {limit} bytes",
                    hint="check the server, and any proxy in front of it",
                )
            parts.append(chunk)
        return b"".join(parts)


class _Pace:
    """Reads a body as it comes, and gives up a server that sends next to nothing: each byte resets a timeout."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._waited = 0.0
        self._bytes = 0

    def read(self, raw: RawResponse, size: int) -> bytes:
        """Return what is there of the next ``size`` bytes. Raises BrokenError."""
        began = time.monotonic()
        data = raw.read(size)
        self._waited += time.monotonic() - began
        self._bytes += len(data)
        if self._waited >= self._patience:
            if data and self._bytes < _LEAST_RATE * self._waited:
                raise BrokenError(f"less than {_LEAST_RATE} bytes/s arrived for {self._waited:.0f} s", 2)
            self._waited, self._bytes = 0.0, 0
        return data


def read_beginning(raw: RawResponse) -> bytes:
    """Read the beginning of an error's body, at most ``_DETAIL`` bytes, and release the connection."""
    data = b""
    until = time.monotonic() + _MOMENT
    try:
        while len(data) < _DETAIL and time.monotonic() < until and (more := raw.read(_DETAIL - len(data))):
            data += more
        return data
    except BrokenError:
        return data
    finally:
        release_connection(raw)


def release_connection(raw: RawResponse) -> None:
    """Free the connection for another request; close it when much of the body is still to come."""
    until = time.monotonic() + _MOMENT
    try:
        while (left := raw.left) is not None and 0 < left <= 1 << 16 and time.monotonic() < until:
            raw.read(left)
    except BrokenError:
        pass
    raw.close()


def resume(send: Callable[[Mapping[str, str]], RawResponse], first: RawResponse, done: int) -> RawResponse:
    """Resume the same body at byte ``done``. BrokenError when the server does not support it, or the body changed."""
    tag = first.headers.get("ETag", "")
    validator = tag if tag and not tag.startswith("W/") else first.headers.get("Last-Modified")
    raw = send({"Range": f"bytes={done}-"} | ({"If-Range": validator} if validator else {}))
    if raw.status == 206 and raw.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
        return raw
    same = all(raw.headers.get(name) == first.headers.get(name) for name in ("ETag", "Last-Modified", "Content-Length"))
    if raw.status != 200 or not same:
        release_connection(raw)
        raise BrokenError("the connection was cut, and the server does not support resuming")
    while done > 0:
        skipped = raw.read(min(done, 1 << 16))
        if not skipped:
            raise BrokenError("the connection was cut")
        done -= len(skipped)
    return raw
