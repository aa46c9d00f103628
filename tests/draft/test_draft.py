"""Settings drafted from everything that a project has."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grocker.config.settings import Settings
from grocker.context import Context
from grocker.draft.draft import draft_settings, refuse_existing
from grocker.errors import MissingError, SettingsError
from grocker.progress import Silent
from grocker.store import Store
from grocker.web import Transport

DJANGO = {
    "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n",
    "shop/wsgi.py": "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
}
FLASK = "from flask import Flask\napp = Flask(__name__)\n"


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with Store.open(tmp_path / "cache") as store, Transport(environ={}) as transport:
        yield Context(store, transport, Silent(), {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, 4e9)


def project(tmp_path: Path, files: Mapping[str, str]) -> Path:
    for name, text in {"a.py": "", **files}.items():
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text(text)
    return tmp_path / "project"


@pytest.mark.parametrize(
    ("files", "table"),
    [
        ({}, {}),
        ({"app.py": FLASK}, {"services": {"www": {"wsgi": "app:app"}}}),
        ({"Procfile": "web: gunicorn a:b\nrelease: x\n"}, {"services": {"www": {"command": "gunicorn a:b"}}}),
        (
            {**DJANGO, "Dockerfile": "FROM python:3.13\nRUN ./manage.py collectstatic\nCMD gunicorn x:y\n"},
            {"debian": {"suite": "trixie"}, "services": {"www": {"wsgi": "shop.wsgi:application", "static": True}}},
        ),
        (
            {
                "Containerfile": "FROM a\nRUN apt-get install libpq5\nENV A=1\nUSER 7\nCMD gunicorn x:y\n",
                "compose.yml": "services: {web: {build: ., command: gunicorn no:no}, jobs: {build: ., command: jobs}}",
            },
            {
                "dependencies": ["libpq5"],
                "env": {"A": "1"},
                "user": {"uid": 7},
                "services": {"jobs": {"command": ["jobs"]}, "www": {"wsgi": "x:y"}},
            },
        ),
    ],
)
def test_settings_are_drafted(tmp_path: Path, context: Context, files: dict[str, str], table: dict[str, Any]) -> None:
    assert draft_settings(context, project(tmp_path, files)).table == table


def test_dockerfile_is_the_one_that_is_named(tmp_path: Path, context: Context) -> None:
    directory = project(tmp_path, {"Dockerfile": "FROM a\nENV A=1\n", "prod.Dockerfile": "FROM a\nENV A=2\n"})
    draft = draft_settings(context, directory, directory / "prod.Dockerfile")
    assert draft.table["env"] == {"A": "2"}
    with pytest.raises(MissingError, match="not found"):
        draft_settings(context, directory, directory / "none")
    with pytest.raises(MissingError, match="is not a directory"):
        draft_settings(context, directory / "none")


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"grocker.toml": ""}, "grocker.toml"),
        ({"pyproject.toml": "[tool.grocker]\n"}, r"pyproject.toml \[tool.grocker\]"),
        ({"pyproject.toml": "[tool.ruff]\n"}, None),
    ],
)
def test_existing_settings_are_not_overwritten(tmp_path: Path, files: dict[str, str], place: str | None) -> None:
    directory = project(tmp_path, files)
    if place is None:
        refuse_existing(directory)
    else:
        with pytest.raises(SettingsError, match=f"already has settings, in {place}"):
            refuse_existing(directory)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"Dockerfile": "FROM \udcff"}, "Dockerfile:1: not UTF-8"),
        ({"compose.yaml": "services: {'a b': {build: ., command: x}}"}, "drafting the service 'a b'"),
    ],
)
def test_project_is_refused_when_a_file_cannot_be_used(
    tmp_path: Path, context: Context, files: dict[str, str], words: str
) -> None:
    directory = project(tmp_path, {})
    for name, text in files.items():
        (directory / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError, match=words):
        draft_settings(context, directory)


VITE = '{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "6"}}'
STAGE = """\
FROM node:22 AS front
WORKDIR /x
COPY ui .
RUN npm ci && npm run build
FROM python:3.13
WORKDIR /app
COPY . .
COPY --from=front /x/dist static
"""


def build(*commands: str, inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    table: dict[str, Any] = {"dependencies": ["nodejs", "npm"], "commands": list(commands), "network": True}
    return {**table, "inputs": inputs, "outputs": outputs}


@pytest.mark.parametrize(
    ("files", "table", "remarks"),
    [
        (
            {"app.py": f"{FLASK}x = 'ui/dist'", "ui/package.json": VITE, "ui/package-lock.json": "{}"},
            build("cd ui && npm ci", "cd ui && npm run build", inputs=["ui/**"], outputs=["ui/dist"]),
            [],
        ),
        (
            {"app.py": f"{FLASK}x = 'dist'", "package.json": VITE, "src/main.js": "", "vite.config.js": ""},
            build(
                "npm install", "npm run build", inputs=["package.json", "src/**", "vite.config.js"], outputs=["dist"]
            ),
            [],
        ),
        ({"app.py": FLASK, "ui/package.json": VITE}, None, []),
        ({"app.py": f"{FLASK}x = 'ui/dist'", "ui/package.json": VITE, "ui/dist/index.html": ""}, None, []),
        (
            {"app.py": f"{FLASK}x = 'ui/dist'", "ui/package.json": VITE, "ui/bun.lock": ""},
            None,
            [
                (
                    "ui/package.json: bun run build: Grocker does not run bun: "
                    "run it before grocker build; git must not ignore its output"
                )
            ],
        ),
        (
            {"app.py": FLASK, "Dockerfile": STAGE, "ui/package.json": VITE},
            build(
                "cd ui && npm ci",
                "cd ui && npm run build",
                "mkdir -p static && cp -r ui/dist/. static/",
                inputs=["ui/**"],
                outputs=["static"],
            ),
            [],
        ),
        (
            {"app.py": FLASK, "Dockerfile": STAGE.replace("npm", "yarn")},
            None,
            [
                (
                    "Dockerfile:1: stage front: list its commands in [tool.grocker.build], "
                    "or run it before grocker build; "
                    "git must not ignore its output"
                )
            ],
        ),
    ],
)
def test_front_end_becomes_build_commands(
    context: Context, tmp_path: Path, files: Mapping[str, str], table: dict[str, Any] | None, remarks: list[str]
) -> None:
    draft = draft_settings(context, project(tmp_path, files))
    assert draft.table.get("build") == table
    assert list(map(str, draft.remarks)) == remarks
    msgspec.convert(draft.table, Settings)
