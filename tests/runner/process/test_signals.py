from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.runner.base.failure import StopRequested
from grocker.runner.process import signals

SOURCE = Path(__file__).resolve().parents[3] / "src"


@pytest.fixture(autouse=True)
def _mask() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.mark.fault(number=3)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
def test_signals_interrupt_once(number: int) -> None:
    with pytest.raises(StopRequested) as caught, signals.Interruptible():
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(signal.SIGTERM)  # the second one does not disturb what the first one began
    assert caught.value.number == number
    assert signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ())


class _Finalised:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.fault(number=3)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_signals_are_not_lost_when_python_drops_the_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nobody is told: that was Python's business."""
    told: list[object] = []
    before = told.append
    monkeypatch.setattr(sys, "unraisablehook", before)
    went_on = False
    with pytest.raises(StopRequested) as caught, signals.Interruptible():
        _Finalised()
        went_on = True
    assert went_on, "Python raised it: there is nothing to show"
    assert caught.value.number == signal.SIGTERM
    assert not told
    assert sys.unraisablehook == before


_WAIT = """
import os, signal
from grocker.runner.process import signals
signals.block_signals()
child = os.posix_spawn("/bin/sh", ("sh", "-c", "exit 3"), {})
assert signals.next_signal(10.0) == signal.SIGCHLD
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.fault(number=28)
def test_signals_tell_of_children_when_whoever_started_the_runner_ignored_them() -> None:
    line = ["/bin/sh", "-c", 'trap "" CHLD; exec "$0" -c "$1"', sys.executable, _WAIT]
    done = subprocess.run(line, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(SOURCE)})
    assert done.stdout == "3\n", done.stderr
