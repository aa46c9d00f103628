"""Processes that a test may have left, by their first word, and waiting for what they do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.support.patience import PATIENCE


def running(mark: str) -> list[str]:
    """Return the numbers of the processes whose first word is ``mark``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0] == mark.encode():
            found.append(path.parent.name)
    return found


def turns(pid: int) -> int:
    """Return how often a process has been given a processor."""
    text = Path(f"/proc/{pid}/status").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if "ctxt_switches" in line)


def turns_within(pid: int, seconds: float) -> int:
    """Wait so long; return how often the process was given a processor meanwhile."""
    before = turns(pid)
    time.sleep(seconds)
    return turns(pid) - before


def wait_until(reached: Callable[[], bool]) -> None:
    """Return once ``reached`` is true; fail if nothing makes it so."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)
