"""Real processes, and a real loop."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from grocker.runner.contract.spec import RestartLimit
from grocker.runner.process.child import reap_some
from grocker.runner.process.loop import Loop
from grocker.runner.process.program import Program
from grocker.runner.status import values as status
from grocker.runner.supervise import supervised_process as process
from grocker.runner.supervise.supervised_process import ProcessSpec, SupervisedProcess
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.slow


class Room:
    """A process, and what was said of it."""

    def __init__(
        self, command: str, *, times: int = 0, terminal: int | None = None, load_failures: str = "", last_line: str = ""
    ) -> None:
        self.given_up: list[int] = []
        self.changes: list[str] = []
        self.keys = 0
        self.loop = Loop(self._child)
        part = ProcessSpec(
            name="x",
            program=Program(path="/bin/sh", arguments=("/bin/sh", "-c", command)),
            environ={},
            directory="/",
            restart=RestartLimit(times=times, seconds=60),
            mask=set(),
            terminal=terminal,
            load_failures=load_failures,
        )
        self.process = SupervisedProcess(
            part,
            self.loop,
            on_change=lambda changed: self.changes.append(changed.state),
            on_given_up=lambda _, exit_status: self.given_up.append(exit_status),
            on_interrupt=self._key,
            last_lines=lambda: [last_line] if last_line else [],
        )

    def _key(self) -> None:
        self.keys += 1

    def _child(self) -> None:
        reap_some(self._take, os.WNOHANG | os.WUNTRACED)
        self.process.check()

    def _take(self, pid: int, wait_status: int) -> None:
        self.process.handle_child(pid, wait_status)

    def until(self, reached: Callable[[], object], seconds: float = PATIENCE) -> None:
        latest = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < latest
            self.loop.turn(0.05)


@pytest.mark.fault(number=31)
@pytest.mark.parametrize("terminal", [None, 0])
def test_process_that_ends_is_given_up_with_its_status_with_a_terminal_too(terminal: int | None) -> None:
    """With one, something else waits in its group for Ctrl-C, and its end is believed a moment later."""
    room = Room("exit 3", times=1, terminal=terminal)
    with room.loop:
        room.process.start()
        room.until(lambda: room.given_up)
        assert room.given_up == [3]
        assert (room.process.starts, room.process.restarts) == (2, 1)
        assert room.changes == [status.RUNNING, status.WAITING] * 2


@pytest.mark.parametrize(
    ("command", "line", "said"),
    [
        ("exit 3", "KeyError: 'BROKER'", "; its last line: KeyError: 'BROKER'"),
        ("exit 3", "  indented\t", "; its last line: indented"),
        ("exit 3", "", ""),
        ("exit 0", "all done", ""),
        ("kill -9 $$", "x" * 500, f"; its last line: {'x' * 300}"),
    ],
)
def test_last_message_has_the_last_words_of_the_process(
    capfd: pytest.CaptureFixture[str], command: str, line: str, said: str
) -> None:
    """A command gives no reason but these."""
    room = Room(command, times=1, last_line=line)
    with room.loop:
        room.process.start()
        room.until(lambda: room.given_up)
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.endswith(f"; giving up after 1 restart in 60 s{said}")


_REPORT = f"exec {sys.executable} -c 'from grocker.runner.servers import load_failure as l; "


@pytest.mark.parametrize(("times", "starts"), [(5, 2), (1, 2), (0, 1)])
def test_application_that_cannot_be_loaded_is_tried_twice_and_the_last_line_says_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], times: int, starts: int
) -> None:
    room = Room(f'{_REPORT}l.report("{tmp_path}", KeyError("A")); exit(3)\'', times=times, load_failures=str(tmp_path))
    with room.loop:
        room.process.start()
        room.until(lambda: room.given_up)
    assert room.given_up == [3]
    assert room.process.starts == starts
    assert room.process.load_failure == "KeyError"
    lines = capfd.readouterr().err.splitlines()
    assert lines[-1] == "grocker: x: giving up: the application cannot be loaded: KeyError: 'A'"
    if starts == 2:
        assert "grocker: x: the application cannot be loaded: KeyError: 'A'; retrying in 0.5 s" in lines


def test_application_that_was_loaded_meanwhile_has_all_its_restarts_again(tmp_path: Path) -> None:
    """Only attempts in a row count: a database may have been away."""
    count = tmp_path / "count"
    count.write_text("")
    command = (
        f"echo >> {count}; n=$(wc -l < {count}); [ $(($n % 2)) = 0 ] && exit 4; "
        f'{_REPORT}l.report("{tmp_path}", KeyError("A")); exit(3)\''
    )
    room = Room(command, times=3, load_failures=str(tmp_path))
    with room.loop:
        room.process.start()
        room.until(lambda: room.given_up)
    assert (room.given_up, room.process.starts) == ([4], 4)
    assert room.process.load_failure == ""


@pytest.mark.parametrize(
    ("left", "said"), [(0.0, "0 s"), (-0.0004, "0 s"), (-0.002, "0 s"), (-5.0, "0 s"), (0.196, "0.2 s")]
)
def test_time_that_a_process_had_to_stop_is_told_rounded_and_never_negative(
    left: float, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    room = Room("trap '' TERM; exec sleep 1000")
    with room.loop:
        room.process.start()
        name = Path(f"/proc/{room.process.pid}/comm")
        room.until(lambda: name.read_text() == "sleep\n")
        room.process.stop(time.monotonic() + left)
        room.until(lambda: room.process.state == status.STOPPED)
    assert f"x: did not stop within {said}, killed;" in capfd.readouterr().err


@pytest.mark.fault(number=36)
def test_process_is_killed_when_a_pause_took_all_of_its_time() -> None:
    room = Room("trap '' TERM; exec sleep 1000")
    with room.loop:
        room.process.start()
        name = Path(f"/proc/{room.process.pid}/comm")
        room.until(lambda: name.read_text() == "sleep\n")
        room.process.stop(time.monotonic() + 0.1)
        time.sleep(process._LEFTOVERS + 0.2)  # as if it had been paused
        room.until(lambda: room.process.state == status.STOPPED)
        assert room.process.killed
        assert room.process.last_exit == 128 + signal.SIGKILL
