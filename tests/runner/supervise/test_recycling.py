"""Real processes that grow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grocker.runner.process.container_limits import ContainerLimits
from grocker.runner.supervise import recycling
from tests.support.patience import PATIENCE

SOURCE = Path(__file__).resolve().parents[3] / "src"
MIB = 1 << 20

_RECYCLED = """
import signal, sys
from grocker.runner.process import signals
from grocker.runner.supervise import recycling
from grocker.runner.process.program import Program
from grocker.runner.supervise.supervised_process import ProcessSpec
from grocker.runner.contract.spec import RestartLimit
from grocker.runner.supervise.supervisor import Supervisor
signals.block_signals()
code, own = sys.argv[1:]
part = ProcessSpec(name="x", program=Program(path=sys.executable, arguments=(sys.executable, "-c", code)), environ={},
    directory="/", restart=RestartLimit(times=0), mask=set())
supervision = Supervisor("x", 5.0)
with supervision.loop:
    supervision.on_change = lambda process: process.starts == 1 and process.pid and recycling.Recycling(
        supervision.loop, process, 64 << 20, main_is_worker=own == "own", stop_timeout=5.0, interval=0.1)
    status = supervision.run((part,))
print(supervision.main.starts, supervision.main.restarts, supervision.main.recycled)
sys.exit(status)
"""

_GROWS = """
import os, signal, sys, time
def stop(*_):
    os.write(1, b"ends\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
os.write(1, b"up\\n")
kept = b"x" * (128 << 20) if {when} else b""
while True: time.sleep(0.05)
"""

_MASTER = """
import os, signal, sys, time
worker = os.fork()
if worker == 0:
    exec({grows!r})
os.waitpid(worker, 0)
worker = os.fork()
if worker == 0:
    exec({small!r})
def stop(*_):
    os.kill(worker, 15)
    os.waitpid(worker, 0)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
while True: time.sleep(0.05)
"""


@pytest.fixture
def recycled() -> Iterator[Callable[[str, str], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(code: str, own: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _RECYCLED, code, own],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


def test_recycling_renews_a_worker_that_outgrows_its_limit(
    recycled: Callable[[str, str], subprocess.Popen[str]],
) -> None:
    code = _MASTER.format(grows=_GROWS.format(when=True), small=_GROWS.format(when=False))
    process = recycled(code, "workers")
    assert _lines(process, 3) == ["up", "ends", "up"]
    process.terminate()
    printed, said = process.communicate(timeout=PATIENCE)
    assert printed == "ends\n1 0 1\n"
    assert "MiB, limit 64 MiB" in said
    assert process.returncode == 0


def test_recycling_starts_a_process_alone_again_without_counting_it(
    recycled: Callable[[str, str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    once = f"not os.path.exists({str(tmp_path / 'once')!r}) and open({str(tmp_path / 'once')!r}, 'w')"
    process = recycled(_GROWS.format(when=once), "own")
    assert _lines(process, 3) == ["up", "ends", "up"], "no restart is allowed, and this is none"
    process.terminate()
    printed, _ = process.communicate(timeout=PATIENCE)
    assert printed == "ends\n2 0 1\n"


@pytest.mark.parametrize(
    ("declared", "memory", "expected"),
    [(256, 1 << 60, 256 * MIB), (None, 1000 * MIB, int(1000 * MIB * 0.9 / 4)), (None, 1 << 60, None)],
)
def test_recycling_limit_is_declared_or_a_share_of_the_containers(
    declared: int | None, memory: int, expected: int | None
) -> None:
    assert recycling.memory_limit(declared, ContainerLimits(cpus=2.0, memory=memory), 4) == expected


def test_recycling_sees_children_and_what_they_hold() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert child.pid in recycling.list_children(os.getpid())
        assert recycling.resident_memory(child.pid) > 0
        assert 0 < recycling.proportional_memory(child.pid) <= recycling.resident_memory(child.pid) + MIB
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert recycling.resident_memory(child.pid) == 0
