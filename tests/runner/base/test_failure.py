from __future__ import annotations

import os

import pytest

from grocker.runner.base.failure import say


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("plain ä ☃", "grocker: plain ä ☃\n"),
        ("two\nlines\r\x1b[31m", "grocker: two\\nlines\\r\\x1b[31m\n"),
        ("no UTF-8: \udcff", "grocker: no UTF-8: \\udcff\n"),
    ],
)
def test_failure_is_said_in_one_line(message: str, line: str, capfd: pytest.CaptureFixture[str]) -> None:
    say(message)
    assert capfd.readouterr().err == line


def test_failure_is_said_in_vain_when_nobody_listens() -> None:
    kept = os.dup(2)
    read, write = os.pipe()
    os.close(read)
    os.dup2(write, 2)
    try:
        say("x")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(write)
