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

from tests.support.patience import PATIENCE

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).resolve().parents[3] / "src"

_SUPERVISE = """
import signal, sys
from grocker.runner.process import signals
from grocker.runner.process.program import Program
from grocker.runner.process.child import adopt_orphans
from grocker.runner.supervise.supervised_process import ProcessSpec
from grocker.runner.contract.spec import RestartLimit
from grocker.runner.supervise.supervisor import Supervisor
signals.block_signals()
adopt_orphans()
times, seconds, stop, program, *commands = sys.argv[1:]
parts = tuple(
    ProcessSpec(
        name=name, program=Program(path=program, arguments=("/bin/sh", "-c", command)), environ={}, directory="/",
        restart=RestartLimit(times=int(times), seconds=int(seconds)), mask=set(), front=name == "front",
    )
    for name, command in zip(commands[::2], commands[1::2])
)
supervision = Supervisor("x", float(stop))
with supervision.loop:
    status = supervision.run(parts)
sys.exit(status)
"""


@contextmanager
def _supervised(
    command: str, *others: str, times: int = 0, seconds: int = 60, stop: float = 5, program: str = "/bin/sh"
) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", _SUPERVISE, str(times), str(seconds), str(stop), program, "x", command, *others],
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
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == status
        assert said.count("\n") == 1


def test_supervision_does_not_try_again_what_cannot_be_executed(tmp_path: Path) -> None:
    with _supervised("", times=5, program=str(tmp_path / "absent")) as process:
        _, said = process.communicate(timeout=PATIENCE)
    assert "not found in this image" in said
    assert "again" not in said


def test_supervision_restarts_as_often_as_it_may() -> None:
    with _supervised("echo run; exit 3", times=2, seconds=60) as process:
        printed, said = process.communicate(timeout=PATIENCE)
    assert printed == "run\n" * 3
    assert "(restart 2 of 2 in 60 s)" in said
    assert process.returncode == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_supervision_stops_gracefully(number: signal.Signals) -> None:
    with _supervised("trap 'echo term; exit 4' TERM; echo up; while :; do sleep 0.05; done") as process:
        assert _first_line(process) == "up"
        process.send_signal(number)
        printed, _ = process.communicate(timeout=PATIENCE)
        assert (process.returncode, printed) == (0, "term\n")


def test_supervision_kills_the_group_when_the_time_is_over() -> None:
    command = "trap '' TERM; (trap '' TERM; echo $$; while :; do sleep 0.05; done) & while :; do sleep 0.05; done"
    with _supervised(command, stop=0.3) as process:
        group = int(_first_line(process))
        process.terminate()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 137
        with pytest.raises(ProcessLookupError):
            os.killpg(group, 0)


def test_supervision_ends_what_the_service_left_in_its_group() -> None:
    command = (
        "trap 'exit 0' TERM; (trap 'sleep 0.3; echo late; exit' TERM; echo $$; while :; do sleep 0.05; done) & wait"
    )
    with _supervised(command) as process:
        _first_line(process)
        process.terminate()
        printed, _ = process.communicate(timeout=PATIENCE)
        assert (process.returncode, printed) == (0, "late\n"), "it had its time"


def test_supervision_forwards_other_signals() -> None:
    with _supervised("trap 'echo usr1' USR1; trap 'echo hup' HUP; echo up; while :; do sleep 0.05; done") as process:
        assert _first_line(process) == "up"
        for number, name in ((signal.SIGUSR1, "usr1"), (signal.SIGHUP, "hup")):
            process.send_signal(number)
            assert _first_line(process) == name
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_supervision_stops_at_once_while_it_waits() -> None:
    with _supervised("echo run; exit 3", times=50, seconds=6000) as process:
        for _ in range(4):
            _first_line(process)
        time.sleep(0.2)  # of four seconds
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert process.stdout is not None
        assert process.stdout.read() == "", "it does not start the service once more"


def test_supervision_gives_the_service_plain_signals() -> None:
    """Neither what is blocked nor what is ignored is inherited from the runner."""
    with _supervised("grep -E 'SigBlk|SigIgn' /proc/self/status; exit 1") as process:
        printed, _ = process.communicate(timeout=PATIENCE)
    # Signals 32 and 33 are the C library's own: whoever started us by its posix_spawn may have left them ignored.
    assert {int(line.split()[1], 16) & ~0x1_8000_0000 for line in printed.splitlines()} == {0}


def _up(name: str, then: str = "") -> str:
    return f"trap 'echo {name} ends; exit 0' TERM; echo {name} up; {then} while :; do sleep 0.05; done"


def test_supervision_ends_the_others_when_one_is_given_up(tmp_path: Path) -> None:
    up = tmp_path / "up"
    worker = f"until [ -e '{up}' ]; do sleep 0.05; done; exit 5"
    with _supervised(_up("x", f": >'{up}';"), "worker", worker) as process:
        printed, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 5
    assert printed == "x up\nx ends\n"
    assert "worker: exited with status 5; giving up" in said


def test_supervision_restarts_a_companion_alone(tmp_path: Path) -> None:
    up = tmp_path / "up"
    worker = f"until [ -e '{up}' ]; do sleep 0.05; done; echo worker; exit 5"
    with _supervised(_up("x", f": >'{up}';"), "worker", worker, times=1, seconds=60) as process:
        printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 5
    assert sorted(printed.split("\n")) == ["", "worker", "worker", "x ends", "x up"]


def test_supervision_ends_what_is_in_front_first() -> None:
    front = "trap 'sleep 0.3; echo front ends; exit 0' TERM; echo front up; while :; do sleep 0.05; done"
    with _supervised(_up("x"), "front", front) as process:
        assert {_first_line(process), _first_line(process)} == {"x up", "front up"}
        process.terminate()
        printed, _ = process.communicate(timeout=PATIENCE)
        assert (process.returncode, printed) == (0, "front ends\nx ends\n")


def test_supervision_leaves_time_for_the_others_when_what_is_in_front_hangs() -> None:
    front = "trap '' TERM; echo f; while :; do sleep 0.05; done"
    with _supervised(_up("x"), "front", front, stop=20) as process:
        assert {_first_line(process), _first_line(process)} == {"x up", "f"}
        process.terminate()
        printed, said = process.communicate(timeout=PATIENCE)
        assert (process.returncode, printed) == (137, "x ends\n")
        assert said.startswith("grocker: front: did not stop within 15 s")
