"""What people see while a command runs."""

from __future__ import annotations

import io
import time

import pytest

from grocker.cli.terminal import LiveDisplay, LogDisplay, Style, display, printable
from tests.support.patience import PATIENCE

PLAIN = Style(False)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_style_has_colours_on_a_terminal_unless_told_otherwise(environ: dict[str, str], colour: bool) -> None:
    assert Style.of(Terminal(), environ).colour is colour
    assert not Style.of(io.StringIO(), environ).colour


@pytest.mark.parametrize(("quiet", "shown"), [(False, "fetching numpy 2.1: 1.5 s\n"), (True, "")])
def test_lines_tell_of_a_task_when_it_took_long(quiet: bool, shown: str) -> None:
    stream = io.StringIO()
    times = iter([0.0, 0.9, 10.0, 11.5])
    lines = LogDisplay(stream, PLAIN, quiet=quiet, clock=lambda: next(times))
    for what in ("short work", "fetching numpy 2.1"):
        with lines, lines.task(what) as task:
            task.advance(1)
    assert stream.getvalue() == shown


def test_lines_do_not_tell_of_a_task_that_failed() -> None:
    stream = io.StringIO()
    times = iter([0.0, 10.0])
    with pytest.raises(ValueError), LogDisplay(stream, PLAIN, quiet=False, clock=lambda: next(times)).task("work"):
        raise ValueError
    assert stream.getvalue() == ""


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_warning_is_shown_once_with_its_hint_also_when_quiet(stream: io.StringIO) -> None:
    with display(stream, {"TERM": "dumb"}, quiet=True) as shown:
        for _ in range(2):
            shown.warn("careful \x1b[31m", "try this")
    assert stream.getvalue() == "warning: careful \\x1b[31m\nhint: try this\n"


def test_printable_escapes_what_controls_a_terminal_only() -> None:
    assert printable("ä\n\tb") == "ä\n\tb"
    assert printable("\x1b[2J\r") == "\\x1b[2J\\r"


def test_line_of_a_long_step_is_shown_in_place_of_the_one_before() -> None:
    stream = Terminal()
    deadline = time.monotonic() + PATIENCE
    with LiveDisplay(stream, PLAIN) as shown, shown.task("npm") as task:
        while "npm: added \\x1b[2J 12 p" not in stream.getvalue():
            assert time.monotonic() < deadline
            task.show("added \x1b[2J 12 packages " + "x" * 200)
            time.sleep(0.05)
    assert "x" * 100 not in stream.getvalue()


def test_lines_of_a_step_are_not_in_a_log() -> None:
    stream = io.StringIO()
    with LogDisplay(stream, PLAIN, quiet=False, clock=lambda: 0.0).task("running the build commands") as task:
        task.show("added 12 packages")
    assert stream.getvalue() == ""
