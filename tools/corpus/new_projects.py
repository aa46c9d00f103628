"""Projects as their own tools make them anew, and how long each takes from nothing to an answer, without an edit."""

from __future__ import annotations

import http.client
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grocker.python import Uv, find_uv
from tools.bench.host import BenchError, run

Make = Callable[[Path, Uv], Path]
_SECONDS = 300.0
"""for an answer, or a line of the log"""
_FASTAPI = """
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

app = FastAPI()
app.mount("/static", StaticFiles(directory="static"), name="static")

@app.get("/", response_class=HTMLResponse)
async def read_items():
    return "<link href='/static/styles.css'>Hello"
"""
_FLASK = """
from flask import Flask

app = Flask(__name__)

@app.route("/")
def hello():
    return "<p>Hello, World!</p>"
"""
_CELERY = """
from celery import Celery

app = Celery("tasks", broker="memory://")

@app.task
def add(x, y):
    return x + y
"""
_STREAMLIT = 'import streamlit as st\n\nst.title("Uber pickups in NYC")\n'
_PACKAGE = "def main():\n    print('Hello from poetry')\n"


def _tool(uv: Uv, directory: Path, package: str, *words: str | Path) -> None:
    """Run a program of the Python ecosystem in a directory, installed for that alone. Raises BenchError."""
    run([uv.executable, "tool", "run", "--from", package, *words], environ=uv.environment, directory=directory)


def _django(place: Path, uv: Uv) -> Path:
    _tool(uv, place, "django", "django-admin", "startproject", "mysite")
    (place / "mysite" / "requirements.txt").write_text("django\n")
    return place / "mysite"


def _flask(place: Path, _: Uv) -> Path:
    (place / "app.py").write_text(_FLASK)
    (place / "requirements.txt").write_text("flask\n")
    return place


def _fastapi(place: Path, uv: Uv) -> Path:
    python = ("--python", sys.executable)
    _tool(uv, place, "uv", "uv", "init", "--quiet", "--no-package", "--no-readme", *python, "shop")
    _tool(uv, place / "shop", "uv", "uv", "add", "--quiet", "fastapi[standard]")
    (place / "shop" / "main.py").write_text(_FASTAPI)
    (place / "shop" / "static").mkdir()
    (place / "shop" / "static" / "styles.css").write_text("body {}\n")
    return place / "shop"


def _streamlit(place: Path, _: Uv) -> Path:
    (place / "streamlit_app.py").write_text(_STREAMLIT)
    (place / "requirements.txt").write_text("streamlit\n")
    return place


def _celery(place: Path, _: Uv) -> Path:
    (place / "tasks.py").write_text(_CELERY)
    (place / "requirements.txt").write_text("celery\n")
    return place


def _poetry(place: Path, uv: Uv) -> Path:
    _tool(uv, place, "poetry", "poetry", "new", "--quiet", "--no-interaction", "greeter")
    project = place / "greeter"
    with (project / "pyproject.toml").open("a") as file:
        file.write('\n[project.scripts]\ngreet = "greeter.cli:main"\n')
    (project / "src" / "greeter" / "cli.py").write_text(_PACKAGE)
    return project


@dataclass(frozen=True, slots=True)
class NewProject:
    """A project, and what answers."""

    name: str
    make: Make
    """writes it below an empty directory; returns the directory to build"""
    words: tuple[str, ...]
    """the container's arguments"""
    pages: tuple[tuple[str, str], ...] = ()
    """pages of port 8080, each with a text in it"""
    says: str = ""
    """a text in the container's output, if there are no pages"""


PROJECTS = (
    NewProject(
        *("Django", _django, ("start", "www")),
        (("/admin/login/", "Django administration"), ("/static/admin/css/base.css", "DJANGO Admin styles")),
    ),
    NewProject("Flask", _flask, ("start", "www"), (("/", "Hello, World!"),)),
    NewProject("FastAPI", _fastapi, ("start", "www"), (("/static/styles.css", "body {}"),)),
    NewProject("Streamlit", _streamlit, ("start", "www"), (("/", "Streamlit"),)),
    NewProject("Celery", _celery, ("start", "worker"), says="celery@"),
    NewProject("Poetry", _poetry, ("greet",), says="Hello from poetry"),
)


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long each step took."""

    make: float
    """its own tools"""
    build: float
    """``grocker build``, into the engine"""
    answer: float
    """from the start of the container to the first answer"""

    @property
    def all(self) -> float:
        """From nothing to the answer."""
        return self.make + self.build + self.answer


def try_new(project: NewProject, program: Sequence[str], place: Path, cache: Path, tools: Path) -> Seconds:
    """Make the project in the empty directory ``place``, build it and wait for all answers; time the first.

    ``program``: the engine's command line. ``cache``: Grocker's; ``tools``: uv's, of the tools that make projects.
    Raises BenchError if any step fails.
    """
    image = f"grocker-new-{project.name.lower()}:{uuid.uuid4().hex[:12]}"
    began = time.monotonic()
    directory = project.make(place, find_uv(os.environ, cache=tools))
    made = time.monotonic()
    environ = {**os.environ, "GROCKER_CACHE": str(cache)}
    build = [sys.executable, "-m", "grocker", "build", ".", "-t", image, "-o", program[0]]
    run(build, environ=environ, directory=directory)
    built = time.monotonic()
    try:
        with _started(program, image, project.words) as container:
            first, *others = project.pages or (("", project.says),)
            _wait(project, program, container, *first)
            answered = time.monotonic()
            for page, text in others:
                _wait(project, program, container, page, text)
    finally:
        run([*program, "image", "rm", "--force", image])
    return Seconds(made - began, built - made, answered - built)


def time_new(project: NewProject, program: Sequence[str], place: Path) -> Seconds:
    """Time the project twice in a directory that is kept, and return the second: with downloads, and nothing else."""
    cache = place / "cache"

    def attempt(number: int) -> Seconds:
        for path in (cache / "v1").glob("*"):
            if path.name != "downloads":
                shutil.rmtree(path)
        empty = place / f"{project.name.lower()}-{number}"
        empty.mkdir()
        return try_new(project, program, empty, cache, place / "tools")

    attempt(1)
    return attempt(2)


@contextmanager
def _started(program: Sequence[str], image: str, words: Sequence[str]) -> Iterator[str]:
    name = f"grocker-new-{uuid.uuid4().hex[:12]}"
    try:
        run([*program, "run", "--detach", "--name", name, image, *words])
        yield name
    finally:
        run([*program, "rm", "--force", "--volumes", name])


def _wait(project: NewProject, program: Sequence[str], container: str, page: str, text: str) -> None:
    """Wait until ``page`` contains ``text``, or the log if ``page`` is empty. Raises BenchError after _SECONDS."""
    limit = time.monotonic() + _SECONDS
    while True:
        found = _get(_address(program, container), page) if page else run([*program, "logs", container])
        if text in found:
            return
        if time.monotonic() > limit:
            log = run([*program, "logs", container]) if page else ""
            raise BenchError(f"{project.name}: no {text!r} in {page or 'the log'}:\n{found}\n{log}")
        time.sleep(0.05)


def _address(program: Sequence[str], container: str) -> str:
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    return (run([*program, "inspect", "--format", template, container]).split() or ["0.0.0.0"])[0]


def _get(address: str, page: str) -> str:
    """Return a page; empty if nothing answers."""
    connection = http.client.HTTPConnection(address, 8080, timeout=10)
    try:
        connection.request("GET", page, headers={"Host": "localhost"})
        return connection.getresponse().read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def render(found: Sequence[tuple[NewProject, Seconds]], about: dict[str, str]) -> str:
    """Return the table in Markdown."""
    lines = [*(f"- {name}: {value}" for name, value in about.items()), ""]
    lines += ["| project | made by its tools | built | answered | from nothing to an answer |"]
    lines += ["| --- | ---: | ---: | ---: | ---: |"]
    for project, one in found:
        lines.append(f"| {project.name} | {one.make:.1f} | {one.build:.1f} | {one.answer:.1f} | **{one.all:.1f}** |")
    return "\n".join(lines) + "\n"
