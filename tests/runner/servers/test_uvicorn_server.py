from __future__ import annotations

import pytest

from grocker.runner.contract.spec import Service
from grocker.runner.process.container_limits import Limits
from grocker.runner.servers import uvicorn_server as asgi_server
from grocker.runner.servers.context import Given


def _arguments(environ: dict[str, str], workers: int | None = None, target: str = "api.main:app") -> tuple[str, ...]:
    made = asgi_server.program(
        Service(asgi=target, server="uvicorn", workers=workers),
        Given(
            venv="/opt/venv",
            sockets=(5, 6),
            access=7,
            ready=8,
            limits=Limits(cpus=2.0, memory=1 << 30),
            stop_timeout=8.0,
            environ=environ,
        ),
        "/starter.py",
    )
    assert made.path == made.arguments[0] == "/opt/venv/bin/python"
    return made.arguments[1:]


@pytest.mark.parametrize(
    ("environ", "declared", "workers"),
    [
        ({}, None, "2"),
        ({"WEB_CONCURRENCY": "5"}, None, "5"),
        ({"WEB_CONCURRENCY": "5"}, 3, "3"),
        ({"WEB_CONCURRENCY": "0"}, None, "1"),
    ],
)
def test_asgi_server_has_as_many_workers_as_declared_or_asked_or_the_limits_call_for(
    environ: dict[str, str], declared: int | None, workers: str
) -> None:
    assert _arguments(environ, declared) == ("/starter.py", "api.main:app", "5,6", workers, "7", "0", "7", "8")


def test_asgi_server_hands_a_factory_on() -> None:
    assert _arguments({}, target="api:create_app()")[1] == "api:create_app()"
