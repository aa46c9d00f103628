"""Middleware that reads the rest of a request's body behind nginx, so that early responses are not lost. Contract: X1.

If a server closes a connection with unread data, the other side's next write fails; nginx then responds with 502
instead of reading the response that is there (seen with gunicorn for one upload in twenty, with granian for one in
three). nginx closes the connection once it has the whole response, so nothing waits for the client.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, MutableMapping
    from typing import Any

    from .client_headers import Asgi, Environ, Receive, Scope, Send, Wsgi

    Message = MutableMapping[str, Any]

_BLOCK = 1 << 16  # bytes


def wsgi(application: Wsgi) -> Wsgi:
    """Wrap a WSGI application; the rest of the body is read after its response."""

    def reading(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("CONTENT_LENGTH", "0") in ("", "0") and "HTTP_TRANSFER_ENCODING" not in environ:
            return application(environ, start_response)
        body = environ["wsgi.input"]
        return _Response(application(environ, start_response), body)

    return reading


class _Response:
    """Iterates over a response, and reads the request's body at its end."""

    def __init__(self, given: Iterable[bytes], body: Any) -> None:
        self._given = given
        self._blocks: Iterator[bytes] = iter(given)
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._blocks)
        except StopIteration:
            self._read()
            raise

    def _read(self) -> None:
        try:
            while self._body.read(_BLOCK):
                pass
        except Exception:  # noqa: BLE001, S110 - each server has its own exceptions; nginx is gone
            pass

    def close(self) -> None:
        """Close the application's iterable."""
        close = getattr(self._given, "close", None)
        if close is not None:
            close()


def asgi(application: Asgi) -> Asgi:
    """Wrap an ASGI application; the rest of the body is read before its response ends."""

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        more, receiving = True, 0

        async def received() -> Message:
            nonlocal more, receiving
            receiving += 1
            try:
                message = await receive()
            finally:
                receiving -= 1
            more = more and message["type"] == "http.request" and bool(message.get("more_body"))
            return message

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                while more and not receiving:  # an application that waits for a disconnect reads the body itself
                    await received()
            await send(message)

        await application(scope, received, sent)

    return reading
