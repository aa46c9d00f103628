from __future__ import annotations

import pytest

from grocker.runner.base.failure import Failure
from grocker.runner.contract.spec import Service
from grocker.runner.process.container_limits import Limits
from grocker.runner.servers.context import Given, workers

_GIB = 1 << 30


def _given(cpus: float = 2.0, memory: int = _GIB, stop_timeout: float = 8.0, **environ: str) -> Given:
    return Given(
        venv="/opt/venv",
        sockets=(5, 6),
        access=7,
        ready=8,
        limits=Limits(cpus=cpus, memory=memory),
        stop_timeout=stop_timeout,
        environ=environ,
    )


@pytest.mark.parametrize(
    ("declared", "cpus", "memory", "expected"),
    [
        (None, 0.5, _GIB, 2),
        (None, 2.0, _GIB, 2),
        (None, 3.5, _GIB, 4),
        (None, 64.0, _GIB, 8),
        (None, 2.0, 200 << 20, 1),
        (None, 2.0, 1 << 20, 1),
        (9, 1.0, 1 << 20, 9),
    ],
)
def test_workers_follow_the_limits(declared: int | None, cpus: float, memory: int, expected: int) -> None:
    assert workers(Service(wsgi="a:b", workers=declared), _given(cpus, memory)) == expected


@pytest.mark.parametrize(("asked", "expected"), [("5", 5), ("0", 1)])
def test_workers_are_as_many_as_the_operator_asks_for(asked: str, expected: int) -> None:
    assert workers(Service(wsgi="a:b"), _given(WEB_CONCURRENCY=asked)) == expected
    assert workers(Service(wsgi="a:b", workers=3), _given(WEB_CONCURRENCY=asked)) == 3


@pytest.mark.parametrize("asked", ["many", "", "-1", "2.5", "²"])
@pytest.mark.parametrize("declared", [None, 3])
def test_workers_are_refused_when_the_operator_asks_for_no_number(asked: str, declared: int | None) -> None:
    with pytest.raises(Failure) as raised:
        workers(Service(wsgi="a:b", workers=declared), _given(WEB_CONCURRENCY=asked))
    assert raised.value.status == 78
    assert raised.value.message == f"WEB_CONCURRENCY={asked}: write a number of processes, or leave it out"


@pytest.mark.parametrize(("seconds", "graceful"), [(8.0, 7), (1.0, 1), (0.0, 1), (30.5, 29)])
def test_requests_have_a_second_less_than_there_is(seconds: float, graceful: int) -> None:
    assert _given(stop_timeout=seconds).graceful == graceful


def test_server_inherits_all_descriptors() -> None:
    assert _given().kept == (5, 6, 7, 8)
