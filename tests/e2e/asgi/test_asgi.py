"""An ASGI application under uvicorn: both families, graceful stop, and an end when it cannot be loaded."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.e2e.contract.engine import Engine
from tests.support.patience import PATIENCE

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.network]

PYPROJECT = """
[build-system]
requires = ["uv_build>=0.9,<1"]
build-backend = "uv_build"

[project]
name = "grocker-test-asgi"
version = "1"
requires-python = ">=3.11"
dependencies = ["starlette"]

[tool.uv.build-backend]
module-name = "hello"

[tool.grocker.services.broken]
asgi = "hello.broken:app"

[tool.grocker.services.www]
asgi = "hello.main:app"
workers = 2

[tool.grocker.services.front]
asgi = "hello.main:app"
workers = 1
static = true
"""
MAIN = """
import asyncio
import contextlib
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def who(request):
    print("asked", flush=True)
    await asyncio.sleep(float(request.query_params.get("wait", 0)))
    return PlainTextResponse(request.client.host)

async def root(request):
    return PlainTextResponse(request.scope["root_path"])

@contextlib.asynccontextmanager
async def span(app):
    yield
    print("shut down", flush=True)

app = Starlette(routes=[Route("/", who), Route("/root", root)], lifespan=span)
"""


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    project = tmp_path_factory.mktemp("asgi")
    (project / "src" / "hello").mkdir(parents=True)
    (project / "pyproject.toml").write_text(PYPROJECT)
    (project / "src" / "hello" / "__init__.py").write_text("")
    (project / "src" / "hello" / "main.py").write_text(MAIN)
    (project / "src" / "hello" / "static").mkdir()
    (project / "src" / "hello" / "static" / "site.css").write_text("")
    (project / "src" / "hello" / "broken.py").write_text("import nowhere\napp = None\n")
    grocker = [sys.executable, "-m", "grocker", "build", str(project), "--output", "docker"]
    done = subprocess.run(grocker, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Engine("docker", "grocker-test-asgi:1")


def test_asgi_service_answers_with_the_clients_own_address(docker: Engine) -> None:
    with docker.started("start", "www", options=["--sysctl", "net.ipv6.conf.all.disable_ipv6=0"]) as container:
        container.wait_for("Application startup complete")
        with urllib.request.urlopen(f"http://{container.address()}:8080/", timeout=PATIENCE) as answer:
            assert answer.read().decode().count(".") == 3  # and not ::ffff:192.0.2.1
        ask = "import urllib.request as u; print(u.urlopen('http://[::1]:8080/', timeout=300).read().decode())"
        assert container.exec("python", "-c", ask).out == "::1\n"


def test_asgi_service_finishes_its_answers_when_asked_to_stop(docker: Engine) -> None:
    with docker.started("start", "www") as container:
        container.wait_for("Application startup complete")
        url = f"http://{container.address()}:8080/?wait=2"
        script = f"import urllib.request as u; print(u.urlopen({url!r}, timeout=300).status)"
        client = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        container.wait_for("asked")
        assert container.stop() == 0
        assert client.communicate(timeout=PATIENCE)[0] == "200\n"


def test_asgi_service_s_hooks_run_when_a_request_never_ends(docker: Engine) -> None:
    """Alone, and behind nginx, which has three quarters of the stop timeout."""
    for service in ("www", "front"):
        with docker.started("start", service) as container:
            container.wait_for("Application startup complete")
            url = f"http://{container.address()}:8080/?wait=1000"
            client = subprocess.Popen([sys.executable, "-c", f"import urllib.request as u; u.urlopen({url!r})"])
            container.wait_for("asked")
            assert container.stop() == 0, service
            assert "shut down" in container.logs(), service
            client.kill()
            client.wait()


def test_asgi_service_takes_uvicorns_own_variables(docker: Engine) -> None:
    given = {"UVICORN_TIMEOUT_KEEP_ALIVE": "75", "UVICORN_ROOT_PATH": "/api", "UVICORN_PORT": "tcp://10.0.0.5:80"}
    options = [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
    with docker.started("start", "www", options=options) as container:
        logs = container.wait_for("Application startup complete")
        assert "warning: UVICORN_PORT: no effect" in logs
        connection = http.client.HTTPConnection(container.address(), 8080, timeout=PATIENCE)
        for _ in range(2):
            connection.request("GET", "/root")
            assert connection.getresponse().read() == b"/api"
            time.sleep(7)  # longer than uvicorn's default
        connection.close()
    options = ["--env", "UVICORN_TIMEOUT_KEEP_ALIVE=long"]
    with docker.started("start", "www", options=options) as container:
        logs = container.wait_for("giving up: the application cannot be loaded")
        assert "'long' is not a valid integer" in logs


def test_asgi_service_ends_when_its_application_cannot_be_loaded(docker: Engine) -> None:
    with docker.started("start", "broken") as container:
        logs = container.wait_for("giving up: the application cannot be loaded")
        assert logs.splitlines()[-1] == (
            "grocker: broken: giving up: the application cannot be loaded: "
            "ModuleNotFoundError: No module named 'nowhere' (hello/broken.py:1)"
        )
        assert logs.count("Traceback (most recent call last)") == 1
