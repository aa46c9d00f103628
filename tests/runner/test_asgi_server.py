from __future__ import annotations

import pytest

from grocker.runner import asgi_server
from grocker.runner.container_limits import Limits
from grocker.runner.spec import Service


def _arguments(environ: dict[str, str], target: str = "api.main:app", **fields: int) -> tuple[str, ...]:
    made = asgi_server.program(
        Service(asgi=target, server="uvicorn", **fields),  # type: ignore[arg-type]
        venv="/opt/venv",
        starter="/starter.py",
        sockets=(5, 6),
        limits=Limits(cpus=2.0, memory=1 << 30),
        stop_timeout=8.0,
        environ=environ,
    )
    assert made.path == made.arguments[0] == "/opt/venv/bin/python"
    return made.arguments[1:]


@pytest.mark.parametrize(
    ("environ", "fields", "workers"),
    [
        ({}, {}, "2"),
        ({"WEB_CONCURRENCY": "5"}, {}, "5"),
        ({"WEB_CONCURRENCY": "5"}, {"workers": 3}, "3"),
        ({"WEB_CONCURRENCY": "0"}, {}, "1"),
        ({"WEB_CONCURRENCY": "many"}, {}, "2"),
    ],
)
def test_asgi_server_has_as_many_workers_as_declared_or_asked_or_the_limits_call_for(
    environ: dict[str, str], fields: dict[str, int], workers: str
) -> None:
    assert _arguments(environ, **fields) == ("/starter.py", "api.main:app", "5,6", workers, "7")


def test_asgi_server_hands_a_factory_on() -> None:
    assert _arguments({}, "api:create_app()")[1] == "api:create_app()"
