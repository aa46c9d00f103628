from __future__ import annotations

import re
import socket
import time

import pytest

from grocker.runner.process.loop import Loop
from grocker.runner.status import application_metrics, application_scrape
from grocker.runner.status.application_scrape import ApplicationScrape
from tests.runner.status.test_loopback_request import says, silent, upstream
from tests.support.patience import PATIENCE


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that answers is a thread of this process, which may get no processor for two seconds."""
    monkeypatch.setattr(application_scrape, "LIMIT", PATIENCE)


def _scraped(port: int, *, asks: int = 1) -> list[str]:
    found: list[tuple[bytes, ...]] = []
    with Loop(lambda: None) as loop:
        scrape = ApplicationScrape(loop, "/metrics", port=port)
        for _ in range(asks):
            scrape.get(found.append)
        limit = time.monotonic() + PATIENCE
        while len(found) < asks:
            assert time.monotonic() < limit
            loop.turn(0.2)
    return [b"".join(parts).decode() for parts in found]


def _success(text: str) -> int:
    (value,) = re.findall(r"^grocker_application_scrape_success (\d)$", text, re.MULTILINE)
    return int(value)


def test_H2_application_s_families_stand_behind_the_runner_s() -> None:
    with upstream(says(b"HTTP/1.0 200 OK\r\n\r\n# TYPE a gauge\na 1\ngrocker_x 2\nbroken\n")) as port:
        (text,) = _scraped(port)
    assert _success(text) == 1
    assert text.endswith("# TYPE a gauge\na 1\n")
    assert "\ngrocker_application_scrape_families_left_out 2\n" in text


def test_H2_one_question_is_asked_for_all() -> None:
    asked: list[bytes] = []

    def behave(client: socket.socket) -> None:
        asked.append(client.recv(65536))
        time.sleep(0.1)
        client.sendall(b"HTTP/1.0 200 OK\r\n\r\na 1\n")

    with upstream(behave) as port:
        texts = _scraped(port, asks=50)
    assert len(set(texts)) == 1
    assert len(asked) == 1
    assert asked[0].startswith(b"GET /metrics HTTP/1.0\r\n")
    assert b"\r\nAccept: text/plain;version=0.0.4," in asked[0]


def test_H2_next_question_is_asked_anew() -> None:
    with upstream(says(b"HTTP/1.0 200 OK\r\n\r\na 1\n")) as port, Loop(lambda: None) as loop:
        scrape = ApplicationScrape(loop, "/metrics", port=port)
        for _ in range(2):
            found: list[tuple[bytes, ...]] = []
            scrape.get(found.append)
            while not found:
                loop.turn(1)
            assert _success(found[0][0].decode()) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 500 Oops\r\n\r\na 1\n",
        b"HTTP/1.0 302 Found\r\nLocation: /login\r\n\r\n",
        b"",
        b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\na 1\n",
    ],
)
def test_H2_failure_is_told_and_nothing_of_the_application_s(answer: bytes) -> None:
    with upstream(says(answer)) as port:
        (text,) = _scraped(port)
    assert _success(text) == 0
    assert all("grocker_application_scrape" in line for line in text.splitlines())


@pytest.mark.slow
def test_H2_application_that_hangs_is_waited_for_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert application_scrape.LIMIT == 2.0
    with upstream(silent) as port:
        began = time.monotonic()
        (text,) = _scraped(port)
    assert time.monotonic() - began > 1.9
    assert _success(text) == 0


def test_H2_loop_goes_on_while_much_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    body = b"".join(b'a{x="%d"} %d\n' % (number, number) for number in range(90_000))
    assert len(body) < application_scrape.LARGEST
    read: list[bytes] = []
    add_line = application_metrics.MetricFamilies.add_line

    def added(families: application_metrics.MetricFamilies, line: bytes) -> None:
        read.append(line)
        add_line(families, line)

    monkeypatch.setattr(application_metrics.MetricFamilies, "add_line", added)
    turns: list[int] = []
    found: list[tuple[bytes, ...]] = []
    with upstream(says(b"HTTP/1.0 200 OK\r\n\r\n" + body)) as port, Loop(lambda: None) as loop:
        scrape = ApplicationScrape(loop, "/metrics", port=port)
        scrape.get(found.append)
        while not found:
            before = len(read)
            loop.turn(1)
            turns.append(len(read) - before)
    assert found[0][1].count(b"\n") == 90_000
    assert max(turns) <= 2 * application_scrape.LINES, "the last part of a read and the first timer share a turn"
