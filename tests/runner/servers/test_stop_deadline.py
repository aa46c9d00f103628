from __future__ import annotations

import time
from pathlib import Path

import pytest

from grocker.runner.servers import stop_deadline


@pytest.mark.parametrize(
    ("left", "seconds"), [(8.0, 7.0), (2.0, 1.0), (1.0, 0.5), (0.25, 0.125), (0.0, 0.05), (-3.0, 0.05), (600.0, 599.0)]
)
def test_requests_have_less_than_what_is_left(left: float, seconds: float) -> None:
    assert stop_deadline.share_of(left) == seconds


def test_server_has_its_default_until_the_container_stops(tmp_path: Path) -> None:
    """A worker that is recycled has the whole time."""
    stop_deadline.reserve(str(tmp_path))
    assert stop_deadline.graceful_seconds(str(tmp_path), 7) == 7


@pytest.mark.parametrize(("left", "low", "high"), [(8.0, 6.0, 7.0), (2.0, 0.0, 1.0), (-1.0, 0.05, 0.05)])
def test_server_has_what_is_left_once_the_container_stops(tmp_path: Path, left: float, low: float, high: float) -> None:
    directory = str(tmp_path)
    stop_deadline.reserve(directory)
    stop_deadline.announce(directory, time.monotonic() + left)
    assert low < stop_deadline.graceful_seconds(directory, 7) <= high + 0.01 or low == high


@pytest.mark.parametrize("content", [None, b"", b"soon", b"\xff"])
def test_server_has_its_default_when_the_deadline_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "stop-deadline").write_bytes(content)
    assert stop_deadline.graceful_seconds(str(tmp_path), 7) == 7
    stop_deadline.announce(str(tmp_path / "none"), 1.0)


def test_deadline_needs_no_room_when_it_is_announced(tmp_path: Path) -> None:
    """The disk may be full by then."""
    stop_deadline.reserve(str(tmp_path))
    size = (tmp_path / "stop-deadline").stat().st_size
    stop_deadline.announce(str(tmp_path), 10_000_000_000.123)
    assert (tmp_path / "stop-deadline").stat().st_size == size
