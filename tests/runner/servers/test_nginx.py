from __future__ import annotations

import signal
from pathlib import Path

import pytest

from grocker.runner.contract.names import ContainerLayout
from grocker.runner.contract.spec import Service
from grocker.runner.process.container_limits import ContainerLimits
from grocker.runner.servers import nginx
from grocker.runner.servers.nginx import FrontSettings
from grocker.runner.servers.table import ServerContext


def front(
    service: Service,
    scratch: str = "/scratch",
    *,
    sockets: tuple[int, ...] = (3, 4),
    cpus: float = 8.0,
    stop_timeout: float = 8.0,
    files: int = 1 << 20,
    trusted: tuple[str, ...] = (),
) -> FrontSettings:
    context = ServerContext(
        venv="/opt/venv",
        sockets=sockets,
        access=7,
        ready=8,
        limits=ContainerLimits(cpus=cpus, memory=1 << 30),
        stop_timeout=stop_timeout,
        environ={},
    )
    return nginx.front_settings(
        service, context, ContainerLayout(scratch=scratch), revision="cafe", trusted=trusted, files=files
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
    nginx.configure(front(Service(wsgi="a:b", media=True), str(tmp_path)))
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "nginx.conf").read_text().startswith("daemon off;\n")
    made = nginx.command(str(home))
    assert made.arguments == ("/usr/sbin/nginx", "-e", "stderr", "-p", str(home), "-c", f"{home}/nginx.conf")
    assert nginx.STOP_SIGNAL == signal.SIGQUIT


def test_environment_has_the_sockets_and_no_secret() -> None:
    environ = {"TZ": "Europe/Paris", "DJANGO_SECRET_KEY": "x", "LD_PRELOAD": "x"}
    assert nginx.environment(environ, (3, 4)) == {"TZ": "Europe/Paris", "NGINX": "3;4;"}
