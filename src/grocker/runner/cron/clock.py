"""The two clocks of the scheduler. Contract: K5."""

from __future__ import annotations

import os
import time


class Clock:
    """``wall``: seconds since 1970, as people set it; ``elapsed``: seconds since the machine started, sleep included.

    The kernel's own file is asked for the latter, because no process can be told something else about it: libfaketime
    changes what clock_gettime(2) says, CLOCK_BOOTTIME too.
    """

    def __init__(self) -> None:
        try:
            self._uptime = os.open("/proc/uptime", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._uptime = -1

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def elapsed(self) -> float:
        """Seconds."""
        if self._uptime >= 0:
            try:
                return float(os.pread(self._uptime, 64, 0).split()[0])
            except (OSError, ValueError, IndexError):
                pass
        return time.clock_gettime(time.CLOCK_BOOTTIME)
