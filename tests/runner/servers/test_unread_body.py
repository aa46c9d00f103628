"""Behind nginx nothing of a request is left unread: the answer would be lost."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from typing import Any

import pytest

from grocker.runner.servers import unread_body


class Broken(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        raise OSError("nginx has gone")


def _wsgi(application: Any, body: io.BytesIO, **environ: str) -> tuple[list[bytes], Any]:
    answer = unread_body.wsgi(application)({"wsgi.input": body, **environ}, print)
    return list(answer), answer


@pytest.mark.parametrize("environ", [{"CONTENT_LENGTH": "100000"}, {"HTTP_TRANSFER_ENCODING": "chunked"}])
def test_wsgi_body_is_read_after_the_answer(environ: dict[str, str]) -> None:
    body = io.BytesIO(b"x" * 100_000)

    def application(environ: Any, _: Any) -> Iterator[bytes]:
        yield environ["wsgi.input"].read(10)
        assert body.tell() == 10
        yield b"b"

    blocks, _ = _wsgi(application, body, **environ)
    assert blocks == [b"x" * 10, b"b"]
    assert body.read() == b""


def test_wsgi_answer_is_as_given_when_there_is_no_body() -> None:
    given = [b"a"]
    for environ in ({}, {"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": "0"}):
        assert _wsgi(lambda *_: given, io.BytesIO(b"next request"), **environ)[1] is given


def test_wsgi_answer_ends_when_nginx_has_gone() -> None:
    assert _wsgi(lambda *_: [b"a"], Broken(), CONTENT_LENGTH="5")[0] == [b"a"]


def test_wsgi_answer_is_closed_as_the_application_wants_it() -> None:
    closed = []

    class ServerContext(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    for given in (ServerContext([b"a"]), [b"a"]):
        answer = _wsgi(lambda *_, given=given: given, io.BytesIO(), CONTENT_LENGTH="5")[1]
        answer.close()
    assert closed == [True]


def _asgi(application: Any, blocks: int, kind: str = "http") -> tuple[list[Any], int]:
    """What was sent, and how many messages were left of a body of so many."""
    left = [{"type": "http.request", "body": b"x", "more_body": number > 0} for number in reversed(range(blocks))]
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(0)
        return left.pop(0) if left else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append((message["type"], len(left)))

    async def run() -> None:
        await unread_body.asgi(application)({"type": kind}, receive, send)

    asyncio.run(run())
    return sent, len(left)


async def _refuse(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 403, "headers": []})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await send({"type": "http.response.body", "body": b"b"})


def test_asgi_body_is_read_before_the_answer_ends() -> None:
    sent, left = _asgi(_refuse, 4)
    assert sent == [("http.response.start", 3), ("http.response.body", 3), ("http.response.body", 0)]
    assert left == 0
    assert _asgi(_refuse, 1)[0][-1] == ("http.response.body", 0)
    assert _asgi(_refuse, 0)[1] == 0, "the client has gone"


def test_asgi_body_is_left_to_an_application_that_is_just_reading_it() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        listening = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})
        await listening

    assert _asgi(application, 3)[1] == 2


def test_asgi_websocket_passes() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"

    assert _asgi(application, 2, "websocket")[1] == 1
