"""The entrypoint with more and more descriptors: prints each limit with the exit status; ``descriptors.py ARGUMENTS…``.

The scheduler is asked to end when it is up.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time

from tests.e2e.contract.inside.pid_one import RUNNER

_LIMITS = (5, 6, 7, 8, 9, 10, 11, 12, 14, 24)  # fewer do not load the C library
_LIMIT = 20.0  # seconds
_USR1 = 1 << signal.SIGUSR1 - 1


def _limit(number: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


def _is_up(process: int) -> bool:
    """Whether it is in its loop: it handles USR1 (proc_pid_status(5))."""
    try:
        with open(f"/proc/{process}/status", encoding="ascii") as file:
            caught = next(line.split()[1] for line in file if line.startswith("SigCgt:"))
    except (OSError, StopIteration):
        return False
    return bool(int(caught, 16) & _USR1)


for number in _LIMITS:
    line = [RUNNER, "run", *sys.argv[1:]]
    with subprocess.Popen(line, stdout=sys.stderr, preexec_fn=lambda number=number: _limit(number)) as process:  # noqa: PLW1509
        latest = time.monotonic() + _LIMIT
        while process.poll() is None and time.monotonic() < latest:
            if sys.argv[1] == "cron" and _is_up(process.pid):
                time.sleep(0.3)
                process.terminate()
                break
            time.sleep(0.01)
        print(number, process.wait(_LIMIT))
