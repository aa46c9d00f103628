from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from grocker.runner.base import scratch
from grocker.runner.status.health import check_health
from tests.runner.status.test_loopback_request import says, silent, upstream
from tests.support.patience import PATIENCE
from tests.support.supervised import served


@pytest.fixture
def supervised(tmp_path: Path) -> str:
    (tmp_path / scratch.SUPERVISED).touch()
    return str(tmp_path)


def test_H5_container_lives_when_livez_says_so(supervised: str, capfd: pytest.CaptureFixture[str]) -> None:
    with served() as server:
        assert check_health(supervised, port=server.port, seconds=PATIENCE) == 0
        server.signal(signal.SIGUSR1)  # not ready is alive
        assert check_health(supervised, port=server.port, seconds=PATIENCE) == 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 503 X\r\n\r\nnot ok: process www: ended\n", "/livez: not ok: process www: ended"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "/livez: HTTP/1.1 404 Not Found"),
        (b"SSH-2.0\r\n", "/livez: SSH-2.0"),
        (b"", "/livez: empty response"),
    ],
)
def test_H5_container_does_not_live_when_livez_says_otherwise(
    supervised: str, capfd: pytest.CaptureFixture[str], answer: bytes, message: str
) -> None:
    with upstream(says(answer)) as port:
        assert check_health(supervised, port=port, seconds=PATIENCE) == 1
    assert capfd.readouterr().err == f"grocker: health: {message}\n"


def test_H5_container_does_not_live_when_nothing_listens(supervised: str, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    assert check_health(supervised, port=port, seconds=PATIENCE) == 1
    assert capfd.readouterr().err == f"grocker: health: cannot connect to port {port}: Connection refused\n"


@pytest.mark.parametrize("behaviour", [silent, says(*[b"x"] * 2000, pause=0.05)], ids=["silent", "drips"])
def test_H5_container_does_not_live_when_livez_takes_too_long(
    supervised: str, capfd: pytest.CaptureFixture[str], behaviour: object
) -> None:
    with upstream(behaviour) as port:  # type: ignore[arg-type]
        began = time.monotonic()
        assert check_health(supervised, port=port, seconds=0.2) == 1
        assert time.monotonic() - began < 60, "all that drips would take a hundred"
    assert capfd.readouterr().err == "grocker: health: no response from /livez within 0.2 s\n"


def test_H5_container_lives_when_nothing_is_supervised(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # a command's own, which says nothing
        assert check_health(str(tmp_path), port=int(listener.getsockname()[1])) == 0
    assert check_health(str(tmp_path / "nowhere")) == 0


def test_H5_port_is_asked_when_it_cannot_be_seen_whether_something_is_supervised(tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # root may look into any directory
    with served() as server:
        assert check_health(str(tmp_path / "file"), port=server.port, seconds=PATIENCE) == 0


def test_H5_container_that_lives_is_not_ready_before_readyz_says_so(
    supervised: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """During a crash loop /livez passes while an attempt lasts; engines ask for both with this."""
    with served() as server:
        assert check_health(supervised, ready=True, port=server.port, seconds=PATIENCE) == 0
        server.signal(signal.SIGUSR1)
        limit = time.monotonic() + PATIENCE
        # Until the signal has arrived.
        while check_health(supervised, ready=True, port=server.port, seconds=PATIENCE) == 0:
            assert time.monotonic() < limit
            time.sleep(0.02)
        assert check_health(supervised, port=server.port, seconds=PATIENCE) == 0
    assert capfd.readouterr().err.startswith("grocker: health: /readyz: ")


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 503 X\r\n\r\nnot ok: ready: no\n", b"HTTP/1.1 500 X\r\n\r\nnot ok: ready: no\n"]
)
def test_H5_reason_is_readyz_s(supervised: str, capfd: pytest.CaptureFixture[str], answer: bytes) -> None:
    with upstream(says(answer)) as port:
        assert check_health(supervised, ready=True, port=port, seconds=PATIENCE) == 1
    assert capfd.readouterr().err == "grocker: health: /readyz: not ok: ready: no\n"


def test_H5_command_is_ready_too(tmp_path: Path) -> None:
    """One health check suits all containers of an image."""
    assert check_health(str(tmp_path / "nowhere"), ready=True) == 0
