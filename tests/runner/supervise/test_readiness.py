"""Real sockets and a real loop."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grocker.runner.base.failure import Failure
from grocker.runner.process.loop import Loop
from grocker.runner.supervise import readiness
from tests.support.patience import PATIENCE


@pytest.fixture
def loop() -> Iterator[Loop]:
    with Loop(lambda: None) as made:
        yield made


def _until(loop: Loop, reached: Callable[[], bool]) -> None:
    latest = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < latest
        loop.turn(0.05)


def test_port_is_ready_once_it_accepts_and_not_when_it_ceases_to() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    ready = readiness.PortReadiness(port)
    assert ready.check().passed
    assert ready.check().text == f"listening on port {port}"
    listener.close()
    assert not ready.check().passed, "one that listened once has to"


def test_port_is_ready_after_a_second_when_it_never_listened() -> None:
    now = 0.0
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        ready = readiness.PortReadiness(bound.getsockname()[1], clock=lambda: now)
        assert not ready.check().passed
        now = 1.0
        assert ready.check().passed
        ready.started()
        assert not ready.check().passed


def test_told_is_ready_when_the_server_has_written(loop: Loop) -> None:
    ready = readiness.PipeReadiness(loop)
    assert not ready.check().passed
    os.write(ready.descriptor, b".")
    _until(loop, lambda: ready.check().passed)
    ready.started()
    assert not ready.check().passed, "the next process has to tell for itself"
    ready.close()


def test_notified_is_ready_as_it_says_and_the_engine_hears_it(loop: Loop, tmp_path: Path) -> None:
    outer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    outer.bind(str(tmp_path / "outer"))
    outer.settimeout(10)
    ready = readiness.NotifyReadiness(loop, str(tmp_path / "notify"), str(tmp_path / "outer"))
    service = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    service.connect(str(tmp_path / "notify"))
    assert not ready.check().passed
    service.send(b"STATUS=half way\nREADY=1\n")
    _until(loop, lambda: ready.check().passed)
    assert outer.recv(4096) == b"STATUS=half way\nREADY=1\n"
    service.send(b"\xff\xfe=1\nSTOPPING=1")
    _until(loop, lambda: not ready.check().passed)
    ready.close()
    service.close()
    outer.close()


def test_notified_needs_a_directory_that_can_be_written(loop: Loop, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be created") as caught:
        readiness.NotifyReadiness(loop, str(tmp_path / "absent" / "notify"), None)
    assert caught.value.status == 73


def test_path_asks_until_it_is_answered_and_goes_on_asking(loop: Loop) -> None:
    answers: list[int | None] = [None, 500, 404, 503, 200]
    asked: list[str] = []

    def request(_: Loop, path: str, seconds: float, done: Callable[[int | None, bytes], None], *, port: int) -> None:
        asked.append(path)
        if answers:
            answer = answers.pop(0)
            loop.after(0.0, lambda: done(answer, b""))

    ready = readiness.PathReadiness(
        loop, "/health", 8080, request=request, timing=readiness.ProbeTiming(interval=0.0, interval_ready=0.0)
    )
    seen = [ready.check().text]
    while answers or len(asked) < 6:
        loop.turn(0.05)
        if ready.check().text != seen[-1]:
            seen.append(ready.check().text)
    assert seen == [
        "/health was not requested yet",
        "/health does not answer",
        "/health answered 500",
        "/health answered 404",
        "/health answered 503",
        "/health answered 200",
    ]
    ready.started()
    assert not ready.check().passed
