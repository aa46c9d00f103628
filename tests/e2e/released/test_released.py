"""Released applications of others, built by name and run: a Django, a Flask and an ASGI application, a command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from urllib.error import HTTPError

import pytest

from tests.e2e.contract.engine import Container, Engine
from tests.support.patience import PATIENCE

pytestmark = [pytest.mark.e2e, pytest.mark.network, pytest.mark.long(100)]
# One group an application: it is built once, and delivered twice.
ENGINES = [pytest.param("docker", marks=pytest.mark.docker), pytest.param("podman", marks=pytest.mark.podman)]


def built(release: str, engine: str) -> Engine:
    """The release's image in the engine, under the name that it gets by itself."""
    done = subprocess.run(
        [sys.executable, "-m", "grocker", "build", release, "--output", engine, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    place = json.loads(done.stdout)["outputs"][0]["place"]
    prefix = ("--runtime", "runc") if engine == "podman" and os.geteuid() == 0 and shutil.which("runc") else ()
    return Engine(engine, place, prefix)


def get(container: Container, path: str, seconds: float = PATIENCE) -> tuple[int, str]:
    """Status and body, once something answers on 8080."""
    limit = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://{container.address()}:8080{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            assert time.monotonic() < limit, container.logs()
            time.sleep(0.2)


@pytest.mark.xdist_group("released-django")
@pytest.mark.parametrize("engine", ENGINES)
def test_django_application_migrates_and_serves(engine: str) -> None:
    image = built("ara[server]", engine)
    with image.started("start", "www", options=["--env", 'ARA_ALLOWED_HOSTS=["*"]']) as container:
        # ara makes its directory when it is imported, and of two processes that do so at once, one may fail.
        get(container, "/")
        migrated = container.exec("django-admin.py", "migrate")
        assert migrated.status == 0, migrated.err
        status, body = get(container, "/api/v1/playbooks")
        assert (status, json.loads(body)["count"]) == (200, 0)
        assert container.stop() == 0


@pytest.mark.xdist_group("released-flask")
@pytest.mark.parametrize("engine", ENGINES)
def test_flask_application_serves(engine: str) -> None:
    with built("httpbin", engine).started("start", "www") as container:
        status, body = get(container, "/get?a=b")
        assert (status, json.loads(body)["args"]) == (200, {"a": "b"})
        assert container.stop() == 0


@pytest.mark.docker
def test_asgi_application_serves() -> None:
    with built("titiler.application", "docker").started("start", "www") as container:
        status, body = get(container, "/healthz")
        assert (status, "versions" in body) == (200, True)
        assert container.stop() == 0


@pytest.mark.xdist_group("released-command")
@pytest.mark.parametrize("engine", ENGINES)
def test_command_runs_by_its_name(engine: str) -> None:
    image = built("cowsay", engine)
    said = image.run("cowsay", "-t", "moo")
    assert (said.status, "| moo |" in said.out) == (0, True)
    assert "cowsay" in image.run("--help").out
