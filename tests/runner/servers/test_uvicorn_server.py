from __future__ import annotations

import pytest

from grocker.runner.contract.spec import Service
from grocker.runner.process.container_limits import ContainerLimits
from grocker.runner.servers import uvicorn_server
from grocker.runner.servers.table import ServerContext


def _arguments(environ: dict[str, str], workers: int | None = None, target: str = "api.main:app") -> tuple[str, ...]:
    made = uvicorn_server.launch(
        Service(asgi=target, server="uvicorn", workers=workers),
        ServerContext(
            venv="/opt/venv",
            sockets=(5, 6),
            access=7,
            ready=8,
            limits=ContainerLimits(cpus=2.0, memory=1 << 30),
            stop_timeout=8.0,
            environ=environ,
            directory="/scratch",
        ),
    ).program
    assert made.path == made.arguments[0] == "/opt/venv/bin/python"
    return made.arguments[1:]


@pytest.mark.parametrize(
    ("environ", "declared", "workers"),
    [
        ({}, None, "2"),
        ({"WEB_CONCURRENCY": "5"}, None, "5"),
        ({"WEB_CONCURRENCY": "5"}, 3, "3"),
        ({"WEB_CONCURRENCY": ""}, None, "2"),
    ],
)
def test_uvicorn_server_has_as_many_workers_as_declared_or_asked_or_the_limits_call_for(
    environ: dict[str, str], declared: int | None, workers: str
) -> None:
    assert _arguments(environ, declared) == (
        uvicorn_server.__file__,
        "api.main:app",
        "5,6",
        workers,
        "7",
        "0",
        "7",
        "8",
        "/scratch",
    )


def test_uvicorn_server_hands_a_factory_on() -> None:
    assert _arguments({}, target="api:create_app()")[1] == "api:create_app()"
