"""Web applications and services told from files alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from grocker.errors import SettingsError
from grocker.python import Wheel, declared_services, find_application, find_named_application
from grocker.python.metadata import EntryPoint, Metadata
from grocker.tar.entry import File

FACTORY = "from flask import Flask\ndef create_app(config=None):\n    return Flask(__name__)\n"
SITE = "opt/venv/lib/python3.13/site-packages"


def wheel(files: Mapping[str, str], points: tuple[EntryPoint, ...] = ()) -> Wheel:
    return Wheel(
        file="shop-1-py3-none-any.whl",
        name="shop",
        version="1",
        site=SITE,
        pure=True,
        metadata=Metadata("shop", "1"),
        entry_points=points,
        entries=tuple(File(f"{SITE}/{path}", text.encode()) for path, text in sorted(files.items())),
    )


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"shop/app.py": "import flask\nfrom flask import Flask\napp = Flask(__name__)\n"}, ("wsgi", "shop.app:app")),
        ({"shop/core.py": "import flask\napp: Flask = flask.Flask(\n  __name__)\n"}, ("wsgi", "shop.core:app")),
        (
            {"shop/__init__.py": "from flask import Flask\ndef create_app(config=None):\n    pass\n"},
            ("wsgi", "shop:create_app()"),
        ),
        ({"shop/main.py": "from fastapi import FastAPI\napp = FastAPI(title='x')\n"}, ("asgi", "shop.main:app")),
        (
            {"shop/asgi.py": "from starlette.applications import Starlette\napplication = Starlette()\n"},
            ("asgi", "shop.asgi:application"),
        ),
        (
            {
                "shop/main.py": "import fastapi\napp = fastapi.FastAPI()\n",
                "shop/v1/main.py": "import fastapi\napp = fastapi.FastAPI()\n",
                "tests/app.py": "import fastapi\napp = fastapi.FastAPI()",
            },
            ("asgi", "shop.main:app"),
        ),
        ({"server.py": "from sanic import Sanic\napp = Sanic('x')\n"}, ("asgi", "server:app")),
        (
            {"app.py": "import dash\nfrom dash import html\napp = dash.Dash(__name__)\nserver = app.server\n"},
            ("wsgi", "app:server"),
        ),
        (
            {"shop/asgi.py": "def create_app() -> Litestar:\n    import litestar\n    return make()\n"},
            ("asgi", "shop.asgi:create_app()"),
        ),
        (
            {"shop/app.py": "from litestar import Litestar\napp = Litestar([])\n"},
            ("asgi", "shop.app:app"),
        ),
        (
            {"main.py": "from fastapi import FastAPI\ndef make():\n    return FastAPI()\n\napp = make()\n"},
            ("asgi", "main:app"),
        ),
        (
            {"wsgi.py": "from shop import create_app\napp = create_app()\n", "shop/__init__.py": FACTORY},
            ("wsgi", "wsgi:app"),
        ),
        ({"main.py": "import flask\napp = typer.Typer()\napp = other()\n"}, None),
        ({"shop/app.py": "app = Flask(__name__)\n"}, None),
        ({"shop/app.py": "import flask\ndef create_app(config):\n    pass\n"}, None),
        ({"shop/app.py": "import flask\ndef f():\n    app = Flask(__name__)\n"}, None),
        (
            {
                "one/app.py": "import flask\napp = flask.Flask('one')\n",
                "two/app.py": "import flask\napp = flask.Flask('two')\n",
            },
            None,
        ),
        ({"shop/app.py": "\x00"}, None),
        ({}, None),
    ],
)
def test_application_is_found_when_there_is_exactly_one(files: dict[str, str], found: tuple[str, str] | None) -> None:
    application = find_application(wheel(files))
    assert (None if application is None else (application.kind, application.target)) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("microblog.py", ("wsgi", "microblog:app")),
        ("microblog", ("wsgi", "microblog:app")),
        ("shop", ("wsgi", "shop:create_app()")),
        ("shop:create_app", ("wsgi", "shop:create_app()")),
        ("shop:create_app('dev', 1)", ("wsgi", "shop:create_app('dev',1)")),
        ("./site/pages.py:site", ("asgi", "site.pages:site")),
        ("nowhere", None),
        ("empty.py", None),
    ],
)
def test_application_is_the_one_that_flask_app_names(name: str, found: tuple[str, str] | None) -> None:
    files = {
        "microblog.py": "from shop import create_app, db\napp = create_app()\n",
        "shop/__init__.py": FACTORY,
        "site/pages.py": "from quart import Quart\nsite = Quart(__name__)\n",
        "empty.py": "",
    }
    application = find_named_application(wheel(files), name)
    assert (None if application is None else (application.kind, application.target)) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [("searx/webapp.py", "searx.webapp:app"), ("test_site.py", None), ("docs/site.py", None)],
)
def test_application_in_a_file_of_another_name_counts_when_it_may(name: str, found: str | None) -> None:
    made = wheel({name: "import flask\napp = flask.Flask(__name__)\n"})
    assert find_application(made) is None
    application = find_application(made, any_file=True)
    assert (application.target if application else None) == found


def declared(module: str, text: str, name: str = "www") -> object:
    point = EntryPoint("grocker.services", name, module, "table")
    return declared_services(wheel({"shop/services.py": text}, points=(point,)))


@pytest.mark.parametrize(
    "text",
    [
        "table = {'wsgi': 'shop:app', 'workers': 2}",
        "table: dict = {'wsgi': 'shop:app', 'workers': 2}",
        "def table():\n    '''The table.'''\n    return {'wsgi': 'shop:app', 'workers': 2}",
    ],
)
def test_declared_services_are_read_without_executing_anything(text: str) -> None:
    assert declared("shop.services", f"raise SystemExit\n{text}\n") == {"www": {"wsgi": "shop:app", "workers": 2}}


@pytest.mark.parametrize(
    ("module", "text", "words"),
    [
        ("shop.nowhere", "", "the wheel has no module shop.nowhere"),
        ("shop.services", "other = {}", "no readable table in shop.services"),
        ("shop.services", "table = make()", "not a literal"),
        ("shop.services", "table = (", "is not valid Python"),
        ("shop.services", "def table():\n    return {'a': __import__('os')}", "not a literal"),
    ],
)
def test_declared_services_are_refused_when_they_are_no_literal(module: str, text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        declared(module, text)
    assert caught.value.message.startswith("entry point in grocker.services: www = ")
    assert words in caught.value.message


def test_declared_services_are_none_when_the_wheel_has_no_such_entry_point() -> None:
    assert declared_services(wheel({}, points=(EntryPoint("console_scripts", "shop", "shop", "main"),))) == {}
