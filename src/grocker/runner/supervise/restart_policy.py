"""When a dead process is restarted, and when it is given up. Contract: E1. Pure."""

from __future__ import annotations

from ..base.value import Value
from ..contract.spec import RestartLimit

FIRST = 0.5  # seconds before the first restart, doubled for each further one within the period


class RestartHistory(Value):
    """``times``: of the restarts that still count, in seconds of one clock."""

    limit: RestartLimit
    times: tuple[float, ...] = ()


def after_death(restarts: RestartHistory, now: float) -> tuple[RestartHistory, float | None]:
    """Return the new history, and the seconds until the restart or None to give up.

    At most ``limit.times`` restarts happen within any ``limit.seconds``. The wait stays short enough for the limit to
    be reached: a service that always dies at once is given up within the period.
    """
    limit = restarts.limit
    times = tuple(time for time in restarts.times if now - time < limit.seconds)
    if len(times) >= limit.times:
        return RestartHistory(limit=limit, times=times), None
    delay = min(FIRST * 2 ** len(times), limit.seconds / (limit.times + 1))
    return RestartHistory(limit=limit, times=(*times, now + delay)), delay
