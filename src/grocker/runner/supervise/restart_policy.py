"""When a process that died is started again, and when it is given up. Contract: E1. Pure."""

from __future__ import annotations

from ..base.value import Value
from ..contract.spec import Restart

FIRST = 0.5  # seconds before the first restart; each one within the period doubles it


class Restarts(Value):
    """What happened so far: the times, in seconds of one clock, of the restarts that still count."""

    limit: Restart
    times: tuple[float, ...] = ()


def after_death(restarts: Restarts, now: float) -> tuple[Restarts, float | None]:
    """What comes next: the new history and the seconds to wait before the restart, or None to give up.

    At most ``limit.times`` restarts lie within any ``limit.seconds``. The wait never grows so long that the limit could
    not be reached: a service that always dies at once is given up within the period.
    """
    limit = restarts.limit
    times = tuple(time for time in restarts.times if now - time < limit.seconds)
    if len(times) >= limit.times:
        return Restarts(limit=limit, times=times), None
    delay = min(FIRST * 2 ** len(times), limit.seconds / (limit.times + 1))
    return Restarts(limit=limit, times=(*times, now + delay)), delay
