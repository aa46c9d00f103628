"""E1, E6 without an engine: the runner under another init, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"

_SUPERVISE = """
import signal, sys
from grocker.runner import signals
from grocker.runner.program import Program
from grocker.runner.child import adopt_orphans
from grocker.runner.spec import Restart
from grocker.runner.supervision import Job, supervise
signals.hold()
adopt_orphans()
command, times, seconds, stop, program = sys.argv[1:]
sys.exit(supervise(Job(name="x", program=Program(path=program, arguments=("/bin/sh", "-c", command)), environ={},
    directory="/", stop_signal=signal.SIGTERM, stop_timeout=float(stop),
    restart=Restart(times=int(times), seconds=int(seconds)), mask=set())))
"""


@contextmanager
def _supervised(
    command: str, *, times: int = 0, seconds: int = 60, stop: float = 5, program: str = "/bin/sh"
) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", _SUPERVISE, command, str(times), str(seconds), str(stop), program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize(
    ("command", "status"), [("exit 3", 3), ("exit 0", 1), ("kill -9 $$", 137), ("kill -TERM $$", 143)]
)
def test_supervision_status_is_that_of_the_process_given_up_on(command: str, status: int) -> None:
    with _supervised(command) as process:
        _, said = process.communicate(timeout=20)
        assert process.returncode == status
        assert said.count("\n") == 1


def test_supervision_does_not_try_again_what_cannot_be_executed(tmp_path: Path) -> None:
    with _supervised("", times=5, program=str(tmp_path / "absent")) as process:
        _, said = process.communicate(timeout=20)
    assert "not in this image" in said
    assert "again" not in said


def test_supervision_restarts_as_often_as_it_may() -> None:
    with _supervised("echo run; exit 3", times=2, seconds=1) as process:
        printed, said = process.communicate(timeout=20)
    assert printed == "run\n" * 3
    assert "(2 of 2 in 1 s)" in said
    assert process.returncode == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_supervision_stops_gracefully(number: signal.Signals) -> None:
    with _supervised("trap 'echo term; exit 4' TERM; echo up; while :; do sleep 0.05; done") as process:
        assert _first_line(process) == "up"
        process.send_signal(number)
        printed, _ = process.communicate(timeout=20)
        assert (process.returncode, printed) == (0, "term\n")


def test_supervision_kills_the_group_when_the_time_is_over() -> None:
    command = "trap '' TERM; (trap '' TERM; echo $$; while :; do sleep 0.05; done) & while :; do sleep 0.05; done"
    with _supervised(command, stop=0.3) as process:
        group = int(_first_line(process))
        process.terminate()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 137
        with pytest.raises(ProcessLookupError):
            os.killpg(group, 0)


def test_supervision_ends_what_the_service_left_in_its_group() -> None:
    command = (
        "trap 'exit 0' TERM; (trap 'sleep 0.3; echo late; exit' TERM; echo $$; while :; do sleep 0.05; done) & wait"
    )
    with _supervised(command) as process:
        _first_line(process)
        process.terminate()
        printed, _ = process.communicate(timeout=20)
        assert (process.returncode, printed) == (0, "late\n"), "it had its time"


def test_supervision_forwards_other_signals() -> None:
    with _supervised("trap 'echo usr1' USR1; trap 'echo hup' HUP; echo up; while :; do sleep 0.05; done") as process:
        assert _first_line(process) == "up"
        for number, name in ((signal.SIGUSR1, "usr1"), (signal.SIGHUP, "hup")):
            process.send_signal(number)
            assert _first_line(process) == name
        process.terminate()
        assert process.wait(20) == 0


def test_supervision_stops_at_once_while_it_waits() -> None:
    with _supervised("echo run; exit 3", times=50, seconds=6000) as process:
        for _ in range(3):
            _first_line(process)
        time.sleep(0.2)
        before = time.monotonic()
        process.terminate()
        assert process.wait(20) == 0
        assert time.monotonic() - before < 1.5


def test_supervision_gives_the_service_plain_signals() -> None:
    """Neither what is blocked nor what is ignored is inherited from the runner."""
    with _supervised("grep -E 'SigBlk|SigIgn' /proc/self/status; exit 1") as process:
        printed, _ = process.communicate(timeout=20)
    # Signals 32 and 33 are the C library's own: whoever started us by its posix_spawn may have left them ignored.
    assert {int(line.split()[1], 16) & ~0x1_8000_0000 for line in printed.splitlines()} == {0}
