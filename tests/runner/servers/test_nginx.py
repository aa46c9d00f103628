from __future__ import annotations

import signal
from pathlib import Path

import pytest

from grocker.runner.contract.spec import Service
from grocker.runner.process.container_limits import Limits
from grocker.runner.servers import nginx as nginx_server
from grocker.runner.servers.context import Given
from grocker.runner.servers.nginx_configuration import Front


def front(
    service: Service,
    home: str = "/home",
    *,
    sockets: tuple[int, ...] = (3, 4),
    cpus: float = 8.0,
    stop_timeout: float = 8.0,
    files: int = 1 << 20,
    trusted: tuple[str, ...] = (),
) -> Front:
    given = Given(
        venv="/opt/venv",
        sockets=sockets,
        access=7,
        ready=8,
        limits=Limits(cpus=cpus, memory=1 << 30),
        stop_timeout=stop_timeout,
        environ={},
    )
    return nginx_server.front(
        service,
        given,
        home=home,
        upstream="/scratch/upstream",
        media="/media",
        revision="cafe",
        port=8080,
        trusted=trusted,
        files=files,
    )


@pytest.mark.parametrize(
    ("service", "media", "static", "asynchronous"),
    [
        (Service(wsgi="a:b", media=True), "/media", (), False),
        (Service(asgi="a:b", server="uvicorn", static=("/s",)), None, ("/s",), True),
    ],
)
def test_front_is_what_the_service_says(
    service: Service, media: str | None, static: tuple[str, ...], asynchronous: bool
) -> None:
    made = front(service)
    assert (made.media, made.static, made.asynchronous) == (media, static, asynchronous)
    assert (made.access, made.port, made.ipv6, made.revision) == (7, 8080, True, "cafe")
    assert not front(service, sockets=(3,)).ipv6


@pytest.mark.parametrize(("cpus", "workers"), [(0.25, 1), (1.0, 1), (1.5, 2), (64.0, 2)])
def test_workers_follow_the_processors(cpus: float, workers: int) -> None:
    assert front(Service(wsgi="a:b"), cpus=cpus).workers == workers


@pytest.mark.parametrize(("files", "connections"), [(1 << 20, 4096), (1024, 992), (10, 64)])
def test_connections_follow_the_open_files(files: int, connections: int) -> None:
    assert front(Service(wsgi="a:b"), files=files).connections == connections


@pytest.mark.parametrize(("stop_timeout", "shutdown"), [(8.0, 5400), (0.0, 100), (60.0, 40500)])
def test_answers_end_before_the_stop_time_does(stop_timeout: float, shutdown: int) -> None:
    assert front(Service(wsgi="a:b"), stop_timeout=stop_timeout).shutdown == shutdown


def test_configuration_is_in_a_directory_of_its_own(tmp_path: Path) -> None:
    home = tmp_path / "nginx"
    nginx_server.configure(front(Service(wsgi="a:b", media=True), str(home)))
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "nginx.conf").read_text().startswith("daemon off;\n")
    made = nginx_server.program(str(home))
    assert made.arguments == ("/usr/sbin/nginx", "-e", "stderr", "-p", str(home), "-c", f"{home}/nginx.conf")
    assert nginx_server.STOP_SIGNAL == signal.SIGQUIT


def test_environment_has_the_sockets_and_no_secret() -> None:
    environ = {"TZ": "Europe/Paris", "DJANGO_SECRET_KEY": "x", "LD_PRELOAD": "x"}
    assert nginx_server.environment(environ, (3, 4)) == {"TZ": "Europe/Paris", "NGINX": "3;4;"}
