"""Servers that are slow on purpose, or cut off: an end within the limits, and the right word for it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from grocker.debian import release
from grocker.errors import GrockerError, UnavailableError
from grocker.progress import Silent
from grocker.web import Transport
from tests.support.accepting import accepting
from tests.support.archive import NOW, Archive, signer

pytestmark = pytest.mark.slow

Answer = Callable[[socket.socket], None]


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """An address at which every connection gets ``answer``, and is then closed."""

    def serve(stream: socket.socket) -> None:
        with stream:
            stream.recv(1 << 16)
            answer(stream)

    with accepting(serve) as port:
        yield f"http://127.0.0.1:{port}/"


def drip(text: bytes, first: bytes = b"") -> Answer:
    def answer(stream: socket.socket) -> None:
        stream.sendall(first)
        for number in range(10_000):
            stream.sendall(text[number % len(text)].to_bytes(1, "big"))
            time.sleep(0.1)

    return answer


def silent(stream: socket.socket) -> None:
    time.sleep(1000)


def silent_after_the_headers(stream: socket.socket) -> None:
    stream.sendall(HEAD)
    time.sleep(1000)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
SLOW = {
    "silence": silent,
    "silence after the headers": silent_after_the_headers,
    "a byte of the status line now and then": drip(b"HTTP/1.1 200 OK" + b" " * 10_000),
    "a byte of a header now and then": drip(b"x", b"HTTP/1.1 200 OK\r\nX: "),
    "a header now and then": drip(b"X: y\r\n", b"HTTP/1.1 200 OK\r\n"),
    "a byte of the body now and then": drip(b"x", HEAD),
    "a byte of a chunk now and then": drip(b"x", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n"),
    "a byte of a body without length now and then": drip(b"x", b"HTTP/1.1 200 OK\r\n\r\n"),
    "a byte of an error now and then": drip(b"x", b"HTTP/1.1 404 No\r\nContent-Length: 50000\r\n\r\n"),
}


@pytest.mark.parametrize("kind", SLOW)
def test_read_ends_when_a_server_is_slow_on_purpose(kind: str) -> None:
    with (
        server(SLOW[kind]) as url,
        Transport(environ={}, read_timeout=1, backoff=0.01) as transport,
        pytest.raises(GrockerError) as caught,
        transport.open("GET", url, action="testing") as response,
    ):
        response.read()
    assert caught.value.status == (66 if "error" in kind else 69)


def test_read_goes_on_when_a_server_is_slow_and_steady() -> None:
    def steady(stream: socket.socket) -> None:
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(20):
            stream.sendall(b"x" * 5000)
            time.sleep(0.3)

    with (
        server(steady) as url,
        Transport(environ={}, read_timeout=5, attempts=1) as transport,
        transport.open("GET", url, action="testing") as response,
    ):
        assert len(response.read()) == 100_000


WHOLE = Archive().files()["dists/trixie/InRelease"]
CUT = {
    "in the status line": b"HTTP/1.1 20",
    "after the status line": b"HTTP/1.1 200 OK\r\n",
    "in a header": b"HTTP/1.1 200 OK\r\nContent-Len",
    "after a header": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n",
    "before the body": b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
    "in the body": b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + WHOLE,
    "in a body without length": b"HTTP/1.1 200 OK\r\n\r\n" + WHOLE[:-100],
    "before a body without length": b"HTTP/1.1 200 OK\r\n\r\n",
    "in a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n" + WHOLE,
    "before the last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    "at once": b"",
}


@pytest.mark.parametrize("place", CUT)
def test_cut_network_is_unavailable_and_never_forgery(place: str) -> None:
    tries = []

    def answer(stream: socket.socket) -> None:
        tries.append(1)
        stream.sendall(CUT[place])

    with (
        server(answer) as url,
        Transport(environ={}, attempts=3, sleep=lambda _: None) as transport,
        pytest.raises(UnavailableError),
    ):
        release.fetch(
            url.rstrip("/"),
            "trixie",
            signers=[signer()],
            transport=transport,
            now=NOW,
            check_valid_until=True,
            progress=Silent(),
        )
    assert len(tries) > 1 or "without length" in place


def test_release_without_a_length_is_taken_when_it_is_whole() -> None:
    with (
        server(lambda stream: stream.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + WHOLE)) as url,
        Transport(environ={}) as transport,
    ):
        found = release.fetch(
            url.rstrip("/"),
            "trixie",
            signers=[signer()],
            transport=transport,
            now=datetime(2026, 3, 1, 12, tzinfo=UTC),
            check_valid_until=True,
            progress=Silent(),
        )
    assert found.codename == "trixie"
