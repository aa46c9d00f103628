from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from grocker.runner.status import formatting as words

NOON = 1795348800.0  # 2026-11-22 12:00:00 UTC, a Sunday


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (0.0004, "0 s"),
        (0.352, "0.35 s"),
        (8.44, "8.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (725, "12 min 5 s"),
        (3600, "1 h"),
        (3660, "1 h 1 min"),
        (86399, "23 h 59 min"),
        (273900, "3 d 4 h"),
        (400 * 86400, "400 d"),
    ],
)
def test_duration_has_the_two_largest_units(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("away", "text"),
    [
        (0, "now"),
        (-0.9, "now"),
        (5.2, "in 5 s"),
        (-8, "8 s ago"),
        (-119, "1 min ago"),
        (7201, "in 2 h"),
        (-3 * 86400, "3 d ago"),
    ],
)
def test_moment_is_told_from_now(away: float, text: str) -> None:
    assert words.from_now(NOON + away, NOON) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON + 61, "12:01:01"),
        (NOON + 86400, "Mon 23 Nov 12:00"),
        (NOON - 365 * 86400, "Sat 22 Nov 2025 12:00"),
    ],
)
def test_clock_tells_the_day_when_it_is_another(moment: float, text: str) -> None:
    assert words.clock(moment, NOON) == text


def test_stamp_is_utc_whatever_the_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XYZ-5")
    time.tzset()
    assert words.timestamp(NOON) == "2026-11-22T12:00:00Z"
    assert words.clock(NOON, NOON) == "17:00:00"
    assert words.zone(NOON) == "XYZ"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1024, "1 KiB"),
        (15 << 20, "15 MiB"),
        (1000 << 10, "0.977 MiB"),
        (1536 << 20, "1.5 GiB"),
        (3 << 40, "3 TiB"),
        (5000 << 40, "5e+03 TiB"),
    ],
)
def test_size_has_three_digits(number: int, text: str) -> None:
    assert words.size(number) == text


@pytest.mark.parametrize(
    ("status", "text"), [(0, "0"), (3, "3"), (137, "SIGKILL (137)"), (143, "SIGTERM (143)"), (255, "255")]
)
def test_exit_status_names_the_signal(status: int, text: str) -> None:
    assert words.exit_status(status) == text


def test_count_has_its_thousands_apart() -> None:
    assert words.count(1234567) == "1\u202f234\u202f567"
