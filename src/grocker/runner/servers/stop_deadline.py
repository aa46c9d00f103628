"""When the container has to have stopped, told to the server when it is asked to stop. Contract: E1.

A server's own limit for requests in progress must be shorter than what is left of the stop timeout at that moment:
behind nginx that is a quarter of it. Otherwise the limit is never reached, the server is killed, and the
application's shutdown does not run. A worker that is recycled has the whole time.
"""

from __future__ import annotations

import math
import os
import time

_FILE = "stop-deadline"
_SPACE = 32  # bytes, reserved at the start: the disk may be full at the end


def reserve(directory: str) -> None:
    """Create the file, in the runner's directory. Raises Failure (73)."""
    from ..base import scratch

    scratch.write(f"{directory}/{_FILE}", b" " * _SPACE)


def announce(directory: str, deadline: float) -> None:
    """Write the deadline (monotonic) before any process is asked to stop."""
    try:
        descriptor = os.open(f"{directory}/{_FILE}", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return  # servers use their default
    try:
        os.pwrite(descriptor, f"{deadline:.3f}".encode().ljust(_SPACE), 0)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def graceful_seconds(directory: str, default: float) -> float:
    """Return the seconds for requests in progress, from now; ``default``: unless the container is stopping."""
    try:
        with open(f"{directory}/{_FILE}", "rb") as file:
            deadline = float(file.read())
    except (OSError, ValueError):
        return default
    return share_of(deadline - time.monotonic())


def share_of(left: float) -> float:
    """Return how long requests may take when ``left`` seconds are left: a second less, or half of it."""
    return max(0.05, left - 1 if left >= 2 else left / 2) if math.isfinite(left) else 0.05
