"""Against sockets that answer as told, in a loop as the runner has it."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from grocker.runner.process.loop import Loop
from grocker.runner.status import loopback_request
from tests.support.accepting import accepting
from tests.support.patience import PATIENCE

Behaviour = Callable[[socket.socket], None]


@contextmanager
def upstream(behaviour: Behaviour) -> Iterator[int]:
    """A server whose every connection behaves so; its port."""

    def serve(client: socket.socket) -> None:
        with client:
            client.settimeout(20)
            behaviour(client)

    with accepting(serve) as port:
        yield port


def says(*parts: bytes, pause: float = 0.0) -> Behaviour:
    def behave(client: socket.socket) -> None:
        client.recv(65536)
        for part in parts:
            client.sendall(part)
            time.sleep(pause)

    return behave


def silent(client: socket.socket) -> None:
    while client.recv(65536):
        pass


def ask(port: int, path: str = "/", *, seconds: float = 10.0, largest: int = 1000) -> tuple[int | None, bytes]:
    """The answer, and that it is given once, and never before ``request`` has returned."""
    found: list[tuple[int | None, bytes]] = []
    with Loop(lambda: None) as loop:
        loopback_request.send_request(
            loop, path, seconds, lambda status, body: found.append((status, body)), port=port, largest=largest
        )
        assert found == []
        limit = time.monotonic() + PATIENCE
        while not found:
            assert time.monotonic() < limit
            loop.turn(0.2)
        loop.turn(0.01)
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("parts", "answer"),
    [
        ([b"HTTP/1.1 200 OK\r\n\r\nbody"], (200, b"body")),
        ([b"HTTP/1.0 204 \r\n\r\n"], (204, b"")),
        ([b"HTTP/1.1 503\r\nA: b\r\n\r\n"], (503, b"")),
        ([b"HTT", b"P/1.1 200 OK\r\nContent-", b"Length: 4\r\n\r\nbo", b"dymore"], (200, b"body")),
        ([b"HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n"], (200, b"")),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody"], (None, b"")),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nbody"], (None, b"")),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nbody"], (None, b"")),
        ([b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001], (None, b"")),
        ([b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000], (200, b"x" * 1000)),
        ([b"HTTP/1.1 200 OK\r\n"], (None, b"")),
        ([b"SSH-2.0-OpenSSH\r\n\r\n"], (None, b"")),
        ([b"HTTP/1.1 2x0 OK\r\n\r\n"], (None, b"")),
        ([b"HTTP/2 200\r\n\r\n"], (None, b"")),
        ([b"x" * 100_000], (None, b"")),
        ([], (None, b"")),
    ],
)
def test_answer_is_taken_or_there_is_none(parts: list[bytes], answer: tuple[int | None, bytes]) -> None:
    with upstream(says(*parts, pause=0.01)) as port:
        assert ask(port) == answer


def test_status_is_told_at_once_when_no_body_is_wanted() -> None:
    def behave(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n")
        silent(client)

    with upstream(behave) as port:
        assert ask(port, largest=0) == (404, b"")


def test_request_is_one_that_every_server_understands() -> None:
    asked: list[bytes] = []

    def behave(client: socket.socket) -> None:
        asked.append(client.recv(65536))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    with upstream(behave) as port:
        ask(port, "/ready?a b\r\nX: é")
    assert asked == [
        f"GET /ready?a%20b%0D%0AX:%20%C3%A9 HTTP/1.0\r\nHost: localhost:{port}\r\nUser-Agent: grocker-runner\r\n"
        "Accept: */*\r\nConnection: close\r\n\r\n".encode()
    ]


def test_answer_is_not_waited_for_longer_than_asked() -> None:
    with upstream(silent) as port:
        began = time.monotonic()
        assert ask(port, seconds=0.1) == (None, b"")
        assert time.monotonic() - began >= 0.1


def test_answer_that_drips_does_not_move_the_limit() -> None:
    with upstream(says(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x"] * 2000, pause=0.05)) as port:
        began = time.monotonic()
        assert ask(port, seconds=0.2) == (None, b"")
        assert time.monotonic() - began < 60, "all of it would take a hundred"


def test_there_is_no_answer_when_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    assert ask(port) == (None, b"")


class FullLoop(Loop):
    """Watches no descriptor any more: fs.epoll.max_user_watches is reached."""

    def watch_writable(self, descriptor: int, call: Callable[[], object]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_there_is_no_answer_when_the_connection_cannot_be_watched() -> None:
    found: list[int | None] = []
    with upstream(silent) as port, FullLoop(lambda: None) as loop:
        loopback_request.send_request(loop, "/", 60, lambda status, _: found.append(status), port=port)
        loop.turn(60)
    assert found == [None]


def test_nothing_is_told_when_it_is_called_off() -> None:
    found: list[int | None] = []
    with upstream(says(b"HTTP/1.1 200 OK\r\n\r\n")) as port, Loop(lambda: None) as loop:
        exchange = loopback_request.send_request(loop, "/", 5, lambda status, _: found.append(status), port=port)
        exchange.cancel()
        exchange.cancel()
        loop.turn(0.1)
    assert found == []
