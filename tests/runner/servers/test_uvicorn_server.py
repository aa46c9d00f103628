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
        "-1",
        "-1",
        "/scratch",
    )


def test_uvicorn_server_hands_a_factory_on() -> None:
    assert _arguments({}, target="api:create_app()")[1] == "api:create_app()"


@pytest.mark.parametrize(
    ("environ", "ignored"),
    [
        ({"UVICORN_TIMEOUT_KEEP_ALIVE": "75", "UVICORN_ROOT_PATH": "/api"}, ""),
        ({"UVICORN_PORT": "tcp://10.0.0.5:80"}, "UVICORN_PORT"),
        ({"UVICORN_WORKERS": "3", "UVICORN_HOST": "::"}, "UVICORN_HOST, UVICORN_WORKERS"),
    ],
)
def test_uvicorn_server_tells_which_variables_have_no_effect(
    environ: dict[str, str], ignored: str, capfd: pytest.CaptureFixture[str]
) -> None:
    _arguments(environ)
    what = "no effect; the runner controls sockets, workers, proxies, logs and stopping"
    assert capfd.readouterr().err == (f"grocker: warning: {ignored}: {what}\n" if ignored else "")
