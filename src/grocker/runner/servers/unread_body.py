"""Reads what an application has left of a request, behind nginx: a refusal of a large upload would be lost otherwise.

A server that closes a connection with something unread in it makes the other side fail at sending; nginx then answers
with 502 instead of reading the answer that is there (seen with gunicorn at one upload in twenty, with granian at one in
three). Run by the application's interpreter. Once nginx has the whole answer it closes the connection, so nothing waits
for the client.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
    from typing import Any

    Environ = MutableMapping[str, Any]
    Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
    Message = MutableMapping[str, Any]
    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

_BLOCK = 1 << 16  # bytes


def wsgi(application: Wsgi) -> Wsgi:
    """``application``; after its answer, the rest of the body is read."""

    def reading(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("CONTENT_LENGTH", "0") in ("", "0") and "HTTP_TRANSFER_ENCODING" not in environ:
            return application(environ, start_response)
        body = environ["wsgi.input"]
        return _Answer(application(environ, start_response), body)

    return reading


class _Answer:
    """What an application gave, as an iterator at whose end the request's body is read."""

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
        except Exception:  # noqa: BLE001, S110 - each server has its own; nginx has gone
            pass

    def close(self) -> None:
        """As the application wants it."""
        close = getattr(self._given, "close", None)
        if close is not None:
            close()


def asgi(application: Asgi) -> Asgi:
    """``application``; before its answer ends, the rest of the body is read."""

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        more, asking = True, 0

        async def received() -> Message:
            nonlocal more, asking
            asking += 1
            try:
                message = await receive()
            finally:
                asking -= 1
            more = more and message["type"] == "http.request" and bool(message.get("more_body"))
            return message

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                while more and not asking:  # an application that listens for the client's end reads it itself
                    await received()
            await send(message)

        await application(scope, received, sent)

    return reading
