"""The two clocks of the scheduler. Contract: K5."""

from __future__ import annotations

import os
import time


class Clock:
    """``wall``: seconds since 1970; ``elapsed``: seconds since the machine started, including sleep.

    Elapsed time is read from the kernel's own file, which libfaketime does not change: it changes clock_gettime(2),
    even for CLOCK_BOOTTIME.
    """

    def __init__(self) -> None:
        try:
            self._uptime = os.open("/proc/uptime", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._uptime = -1

    def wall(self) -> float:
        """Return seconds since 1970."""
        return time.time()

    def elapsed(self) -> float:
        """Return seconds."""
        if self._uptime >= 0:
            try:
                return float(os.pread(self._uptime, 64, 0).split()[0])
            except (OSError, ValueError, IndexError):
                pass
        return time.clock_gettime(time.CLOCK_BOOTTIME)
