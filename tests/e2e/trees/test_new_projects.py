"""Projects as their own tools make them anew: built without an edit, they answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from grocker.python import find_uv
from tests.e2e.contract.engine import Engine
from tests.e2e.trees.test_projects import get

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.network, pytest.mark.timeout(600)]

Tool = Callable[..., None]

FASTAPI = """
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

app = FastAPI()
app.mount("/static", StaticFiles(directory="static"), name="static")

@app.get("/", response_class=HTMLResponse)
async def read_items():
    return "<link href='/static/styles.css'>Hello"
"""
FLASK = """
from flask import Flask

app = Flask(__name__)

@app.route("/")
def hello():
    return "<p>Hello, World!</p>"
"""
CELERY = """
from celery import Celery

app = Celery("tasks", broker="memory://")

@app.task
def add(x, y):
    return x + y
"""
STREAMLIT = 'import streamlit as st\n\nst.title("Uber pickups in NYC")\n'
PACKAGE = "def main():\n    print('Hello from poetry')\n"


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """Run a program of the Python ecosystem in a directory, installed for that alone."""
    uv = find_uv({}, cache=tmp_path / "uv")

    def run(directory: Path, package: str, *words: str) -> None:
        command = [str(uv.executable), "tool", "run", "--from", package, *words]
        done = subprocess.run(command, cwd=directory, env=uv.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return run


def django(place: Path, tool: Tool) -> Path:
    tool(place, "django", "django-admin", "startproject", "mysite")
    (place / "mysite" / "requirements.txt").write_text("django\n")
    return place / "mysite"


def flask(place: Path, _: Tool) -> Path:
    (place / "app.py").write_text(FLASK)
    (place / "requirements.txt").write_text("flask\n")
    return place


def fastapi(place: Path, tool: Tool) -> Path:
    tool(place, "uv", "uv", "init", "--quiet", "--no-package", "--no-readme", "--python", sys.executable, "shop")
    tool(place / "shop", "uv", "uv", "add", "--quiet", "fastapi[standard]")
    (place / "shop" / "main.py").write_text(FASTAPI)
    (place / "shop" / "static").mkdir()
    (place / "shop" / "static" / "styles.css").write_text("body {}\n")
    return place / "shop"


def streamlit(place: Path, _: Tool) -> Path:
    (place / "streamlit_app.py").write_text(STREAMLIT)
    (place / "requirements.txt").write_text("streamlit\n")
    return place


def celery(place: Path, _: Tool) -> Path:
    (place / "tasks.py").write_text(CELERY)
    (place / "requirements.txt").write_text("celery\n")
    return place


def poetry(place: Path, tool: Tool) -> Path:
    tool(place, "poetry", "poetry", "new", "--quiet", "--no-interaction", "greeter")
    project = place / "greeter"
    with (project / "pyproject.toml").open("a") as file:
        file.write('\n[project.scripts]\ngreet = "greeter.cli:main"\n')
    (project / "src" / "greeter" / "cli.py").write_text(PACKAGE)
    return project


@pytest.mark.parametrize(
    ("make", "service", "path", "says"),
    [
        (django, "www", "/admin/login/", "Django administration"),
        (django, "www", "/static/admin/css/base.css", "DJANGO Admin styles"),
        (flask, "www", "/", "Hello, World!"),
        (fastapi, "www", "/static/styles.css", "body {}"),
        (streamlit, "www", "/", "Streamlit"),
        (celery, "worker", "", "celery@"),
        (poetry, "", "", "Hello from poetry"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_new_project_answers_without_an_edit(
    make: Callable[[Path, Tool], Path], service: str, path: str, says: str, tool: Tool, tmp_path: Path
) -> None:
    directory = make(tmp_path, tool)
    image = f"grocker-test-new-{make.__name__}:{len(path)}"
    grocker = [sys.executable, "-m", "grocker", "build", ".", "-t", image, "-o", "docker"]
    built = subprocess.run(grocker, cwd=directory, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    docker = Engine("docker", image)
    if not service:
        done = docker.run("greet")
        assert (done.status, says in done.out) == (0, True), done
        return
    with docker.started("start", service) as container:
        if path:
            assert says in get(container, path)
        else:
            container.wait_for(says)
