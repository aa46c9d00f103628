"""Processes of a Procfile that would listen on a Unix socket."""

from __future__ import annotations

import pytest

from grocker.inputs.platform_sockets import listen_on_port
from grocker.progress import Silent

SOCKET = "import os\nbind = 'unix:/tmp/nginx.socket'\n"
FILES = {"gunicorn.conf.py": SOCKET, "unix.conf": SOCKET, "port.conf": "bind = '0.0.0.0:8000'\n"}


@pytest.mark.parametrize(
    ("command", "instead"),
    [
        ("gunicorn -c unix.conf a", "gunicorn --bind 0.0.0.0:$PORT -c unix.conf a"),
        ("gunicorn --config=./unix.conf a", "gunicorn --bind 0.0.0.0:$PORT --config=./unix.conf a"),
        ("trace python -m gunicorn.app.wsgiapp -cunix.conf a", None),
        ("gunicorn a", "gunicorn --bind 0.0.0.0:$PORT a"),
        ("gunicorn -c port.conf --bind unix:/tmp/a a", "gunicorn -c port.conf --bind 0.0.0.0:$PORT a"),
    ],
)
def test_gunicorn_listens_on_the_port_when_its_configuration_names_a_socket(command: str, instead: str | None) -> None:
    progress = Silent()
    expected = instead or command.replace("wsgiapp", "wsgiapp --bind 0.0.0.0:$PORT")
    text = f"web: {command}\nworker: celery -A a\n"
    assert listen_on_port(text, FILES.get, progress) == f"web: {expected}\nworker: celery -A a\n"
    assert [message for message, _ in progress.warnings] == [
        "Procfile: web would listen on a Unix socket; it listens on port 8080 instead"
    ]


@pytest.mark.parametrize(
    "command",
    ["gunicorn -c port.conf a", "gunicorn -b :$PORT -c unix.conf a", "gunicorn -c absent.conf a", "uvicorn a"],
)
def test_other_commands_stay_as_they_are(command: str) -> None:
    progress = Silent()
    assert listen_on_port(f"web: {command}", FILES.get, progress) == f"web: {command}"
    assert progress.warnings == []
