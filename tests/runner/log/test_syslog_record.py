from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker.runner.log import syslog_record
from grocker.runner.log.syslog_record import CRON, ERROR, INFO, LOCAL6, LOCAL7


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_stamp_is_in_the_zone_of_the_container_with_the_day_padded(zone: None) -> None:
    assert syslog_record.format_time(1_780_322_400) == b"Jun  2 02:00:00"


@pytest.mark.parametrize(
    ("facility", "severity", "pid", "header"),
    [
        (LOCAL6, INFO, 42, b"<182>Jun  1 14:00:00 polls.www[42]: "),
        (LOCAL6, ERROR, 42, b"<179>Jun  1 14:00:00 polls.www[42]: "),
        (LOCAL7, INFO, 1, b"<190>Jun  1 14:00:00 polls.www[1]: "),
        (CRON, ERROR, 0, b"<75>Jun  1 14:00:00 polls.www: "),
    ],
)
def test_header_is_that_of_rfc_3164_without_the_host(facility: int, severity: int, pid: int, header: bytes) -> None:
    assert syslog_record.format_header(facility, severity, b"Jun  1 14:00:00", b"polls.www", pid) == header


@pytest.mark.parametrize(
    ("words", "tag"),
    [
        (("polls-site", "cron", "tidy_up"), b"polls-site.cron.tidy_up"),
        (("a b", "c[1]:"), b"a_b.c_1__"),
        (("ä", "☃"), b"\xc3\xa4._"),
    ],
)
def test_tag_holds_nothing_that_ends_it(words: tuple[str, ...], tag: bytes) -> None:
    assert syslog_record.join_tag(*words) == tag


@pytest.mark.fault(number=15)
@pytest.mark.parametrize(
    ("line", "harmless"),
    [
        (b"plain\ttext \xc3\xa4 \xff", b"plain\ttext \xc3\xa4 \xff"),
        (b"\x1b[31mred\x00\x7f", b"#033[31mred#000#177"),
        (b"a line of Windows\r", b"a line of Windows"),
        (b"50 %\r100 %", b"50 %#015100 %"),
    ],
)
def test_line_is_harmless(line: bytes, harmless: bytes) -> None:
    assert syslog_record.escape_controls(line) == harmless


@pytest.mark.fault(number=15)
@given(st.binary().map(lambda data: data.replace(b"\n", b"")))
def test_line_has_no_control_characters_and_all_others(line: bytes) -> None:
    made = syslog_record.escape_controls(line)
    assert syslog_record.is_printable(made)
    assert made == line or not syslog_record.is_printable(line)
    others = bytes(code for code in line if 32 <= code < 127 or code > 127)
    assert others.translate(None, b"#0123456789") == made.translate(None, b"\t#0123456789")
