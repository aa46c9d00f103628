"""Stops the entrypoint at each moment of its start: ``walk.py MOMENTS READY ARGUMENTS…`` prints a line of JSON a stop.

MOMENTS: at most so many, whole milliseconds apart, from the runner's first line until READY, the name of a process,
runs; with 0, half a dozen moments before that first line.
"""

from __future__ import annotations

import json
import math
import os
import select
import signal
import sys
import time
from collections.abc import Sequence

from tests.e2e.contract.inside import pid_one

PATTERNS: tuple[tuple[int, ...], ...] = (
    (signal.SIGTERM,),
    (signal.SIGTERM, signal.SIGTERM),
    (signal.SIGTERM, signal.SIGINT),
    (signal.SIGQUIT,),
)
_TERM, _ALARM = 1 << signal.SIGTERM - 1, 1 << signal.SIGALRM - 1
_LIMIT = 20.0  # seconds, for what takes a tenth of one on an idle machine


def holds(process: int) -> bool:
    """Whether it is the runner already, and TERM waits or is handled (proc_pid_status(5))."""
    try:
        with open(f"/proc/{process}/status", encoding="ascii") as file:
            fields = dict(line.split(":\t", 1) for line in file if ":\t" in line)
    except OSError:
        return False
    blocked, caught = int(fields["SigBlk"], 16), int(fields["SigCgt"], 16)
    if not fields["Name"].startswith("grocker-runner"):
        return False
    # The C library blocks all of them for a moment now and then; while the runner waits for them, it blocks none, and
    # has a child.
    return bool(caught & _TERM or (blocked & _TERM and not blocked & _ALARM) or children(process))


def stop(arguments: Sequence[str], seconds: float, numbers: Sequence[int], *, early: bool) -> dict[str, object]:
    """``seconds``: after the runner's first line, or ``early``: after it was executed."""
    end, said = os.pipe()
    parent, runner = pid_one.start(arguments, said)
    os.close(said)
    began = time.monotonic()
    while not early and not holds(runner):
        assert time.monotonic() < began + _LIMIT
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        pass
    for number in numbers:
        send(runner, number)
    again = 0
    while not ends(parent, 0.5 if early else _LIMIT):
        again += 1
        send(runner, signal.SIGTERM if again < 50 else signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(parent, 0)[1])
    text = b""
    while block := os.read(end, 65536):
        text += block
    os.close(end)
    return {"after": seconds * 1000, "status": status, "again": again, "said": text.decode()}


def send(process: int, number: int) -> None:
    """A signal; it may have ended."""
    try:
        os.kill(process, number)
    except ProcessLookupError:
        pass


def ends(process: int, seconds: float) -> bool:
    """Whether it does, within so many seconds."""
    descriptor = os.pidfd_open(process)
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def length(arguments: Sequence[str], ready: str) -> float:
    """Seconds from the runner's first line until ``ready`` runs: the middle one of three."""
    found = []
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for _ in range(3):
        parent, runner = pid_one.start(arguments, nowhere)
        while not holds(runner):
            pass
        began = time.monotonic()
        while not _runs(runner, ready):
            assert time.monotonic() < began + _LIMIT
        found.append(time.monotonic() - began)
        os.kill(runner, signal.SIGKILL)
        os.waitpid(parent, 0)
    return sorted(found)[1]


def _runs(runner: int, name: str) -> bool:
    for child in children(runner):
        try:
            with open(f"/proc/{child}/comm", encoding="ascii") as file:
                if file.read().strip() == name:
                    return True
        except OSError:
            pass  # it has ended
    return False


def children(process: int) -> list[str]:
    """The process ids of those that it has started."""
    try:
        with open(f"/proc/{process}/task/{process}/children", encoding="ascii") as file:
            return file.read().split()
    except OSError:
        return []


def main(most: int, ready: str, arguments: Sequence[str]) -> None:
    if most:
        whole = math.ceil(length(arguments, ready) * 1000)
        moments = [place / 1000 for place in range(0, whole + 5, math.ceil(whole / most))]
    else:
        moments = [0.0, 0.002, 0.004, 0.008, 0.012, 0.016]
    for place, moment in enumerate(moments):
        pattern = PATTERNS[place % len(PATTERNS) if most else 0]
        print(json.dumps(stop(arguments, moment, pattern, early=not most)))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
