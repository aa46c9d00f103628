from __future__ import annotations

from pathlib import Path

import pytest

from grocker.runner import servers
from grocker.runner.base.failure import Failure
from grocker.runner.base.value import fields_of
from grocker.runner.contract.spec import SERVERS, Service, SupportedServer
from grocker.runner.process.container_limits import ContainerLimits
from grocker.runner.servers.table import ServerContext, count_workers, find_server

_GIB = 1 << 30


def _context(cpus: float = 2.0, memory: int = _GIB, stop_timeout: float = 8.0, **environ: str) -> ServerContext:
    return ServerContext(
        venv="/opt/venv",
        sockets=(5, 6),
        access=7,
        ready=8,
        limits=ContainerLimits(cpus=cpus, memory=memory),
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
    assert count_workers(Service(wsgi="a:b", workers=declared), _context(cpus, memory)) == expected


@pytest.mark.parametrize(("asked", "expected"), [("5", 5), ("1", 1), ("0007", 7), ("1000", 1000)])
def test_workers_are_as_many_as_the_operator_asks_for(asked: str, expected: int) -> None:
    assert count_workers(Service(wsgi="a:b"), _context(WEB_CONCURRENCY=asked)) == expected
    assert count_workers(Service(wsgi="a:b", workers=3), _context(WEB_CONCURRENCY=asked)) == 3


def test_workers_empty_request_is_none() -> None:
    assert count_workers(Service(wsgi="a:b"), _context(WEB_CONCURRENCY="")) == 2
    assert count_workers(Service(wsgi="a:b", workers=3), _context(WEB_CONCURRENCY="")) == 3


@pytest.mark.parametrize("asked", ["many", " ", "-1", "2.5", "²", "0", "00", "1001", "9" * 5000])
@pytest.mark.parametrize("declared", [None, 3])
def test_workers_are_refused_when_the_operator_asks_for_no_number(asked: str, declared: int | None) -> None:
    with pytest.raises(Failure) as raised:
        count_workers(Service(wsgi="a:b", workers=declared), _context(WEB_CONCURRENCY=asked))
    assert raised.value.status == 78
    assert raised.value.message == (
        f"WEB_CONCURRENCY={asked}: expected a number of workers from 1 to 1000; correct or unset it"
    )


@pytest.mark.parametrize(("seconds", "graceful"), [(8.0, 7), (1.0, 1), (0.0, 1), (30.5, 29)])
def test_requests_have_a_second_less_than_there_is(seconds: float, graceful: int) -> None:
    assert _context(stop_timeout=seconds).graceful == graceful


def test_server_inherits_all_descriptors() -> None:
    assert _context().inherited == (5, 6, 7, 8)


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_row_has_its_file_and_the_file_can_launch_it(server: SupportedServer) -> None:
    (directory,) = servers.__path__
    assert sorted(path.name for path in Path(directory).glob("*_server.py")) == sorted(
        f"{one.name}_server.py" for one in SERVERS
    )
    for interface in server.interfaces:
        service = Service(**{interface: "a:b"}, server=server.name)  # type: ignore[arg-type]
        sockets = (5,) if server.single_socket else (5, 6)
        context = replace_sockets(_context(), sockets)
        launch = find_server(server.name).launch(service, context)
        assert launch.program.path == launch.program.arguments[0] == "/opt/venv/bin/python"
        assert {"a:b", "2"} <= set(launch.program.arguments)


def replace_sockets(context: ServerContext, sockets: tuple[int, ...]) -> ServerContext:
    fields = {name: getattr(context, name) for name in fields_of(context)}
    return ServerContext(**{**fields, "sockets": sockets})
