from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from grocker.runner.contract.spec import RestartLimit
from grocker.runner.supervise.restart_policy import RestartHistory, after_death


def _waits(limit: RestartLimit, lifetime: float, deaths: int) -> list[float | None]:
    restarts, now, waits = RestartHistory(limit=limit), 0.0, []
    for _ in range(deaths):
        now += lifetime
        restarts, wait = after_death(restarts, now)
        waits.append(wait)
        if wait is None:
            break
        now += wait
    return waits


def test_restart_policy_backs_off_then_gives_up() -> None:
    assert _waits(RestartLimit(times=5, seconds=60), 0.1, 9) == [0.5, 1.0, 2.0, 4.0, 8.0, None]


def test_restart_policy_leaves_it_to_the_engine_when_the_limit_is_0() -> None:
    assert _waits(RestartLimit(times=0, seconds=60), 0.1, 2) == [None]


def test_restart_policy_forgets_when_the_service_lived_long() -> None:
    assert _waits(RestartLimit(times=1, seconds=10), 11.0, 4) == [0.5] * 4


@given(st.integers(1, 20), st.integers(1, 600), st.floats(0, 0.001))
def test_restart_policy_gives_up_on_what_always_dies_at_once(times: int, seconds: int, lifetime: float) -> None:
    waits = _waits(RestartLimit(times=times, seconds=seconds), lifetime, times + 1)
    assert len(waits) == times + 1
    assert waits[-1] is None


@given(st.integers(1, 6), st.integers(1, 60), st.lists(st.floats(0.001, 20), min_size=1, max_size=60))
def test_restart_policy_keeps_the_limit(times: int, seconds: int, lifetimes: list[float]) -> None:
    limit = RestartLimit(times=times, seconds=seconds)
    restarts, now, starts = RestartHistory(limit=limit), 0.0, []
    for lifetime in lifetimes:
        now += lifetime
        restarts, wait = after_death(restarts, now)
        if wait is None:
            break
        now += wait
        starts.append(now)
    for start in starts:
        assert sum(start <= other < start + seconds for other in starts) <= times
