"""Web applications and services told from files alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from grocker.errors import SettingsError
from grocker.layer.entry import File
from grocker.python import Wheel, declared_services, find_application
from grocker.python.metadata import EntryPoint, Metadata

SITE = "opt/venv/lib/python3.13/site-packages"


def wheel(files: Mapping[str, str], requires: tuple[str, ...] = (), points: tuple[EntryPoint, ...] = ()) -> Wheel:
    return Wheel(
        file="shop-1-py3-none-any.whl",
        name="shop",
        version="1",
        site=SITE,
        pure=True,
        metadata=Metadata("shop", "1", requires),
        entry_points=points,
        entries=tuple(File(f"{SITE}/{path}", text.encode()) for path, text in sorted(files.items())),
    )


@pytest.mark.parametrize(
    ("requires", "files", "found"),
    [
        ("flask>=3", {"shop/app.py": "app = Flask(__name__)\n"}, ("wsgi", "shop.app:app")),
        ("flask", {"shop/core.py": "app: Flask = flask.Flask(\n  __name__)\n"}, ("wsgi", "shop.core:app")),
        ("Flask", {"shop/__init__.py": "def create_app(config=None):\n    pass\n"}, ("wsgi", "shop:create_app()")),
        ("fastapi", {"shop/main.py": "app = FastAPI(title='x')\n"}, ("asgi", "shop.main:app")),
        ("starlette", {"shop/asgi.py": "application = Starlette()\n"}, ("asgi", "shop.asgi:application")),
        (
            "fastapi",
            {
                "shop/main.py": "app = FastAPI()\n",
                "shop/v1/main.py": "app = FastAPI()\n",
                "tests/app.py": "app = FastAPI()",
            },
            ("asgi", "shop.main:app"),
        ),
        ("fastapi; extra == 'web'", {"shop/main.py": "app = FastAPI()\n"}, None),
        ("requests", {"shop/app.py": "app = Flask(__name__)\n"}, None),
        ("flask", {"shop/app.py": "def create_app(config):\n    pass\n"}, None),
        ("flask", {"shop/app.py": "def f():\n    app = Flask(__name__)\n"}, None),
        ("flask", {"one/app.py": "app = Flask('one')\n", "two/app.py": "app = Flask('two')\n"}, None),
        ("flask", {"shop/app.py": "\udcff".encode("utf-8", "surrogateescape").decode("latin-1")}, None),
    ],
)
def test_application_is_found_when_there_is_exactly_one(
    requires: str, files: dict[str, str], found: tuple[str, str] | None
) -> None:
    application = find_application(wheel(files, (requires,)))
    assert (None if application is None else (application.kind, application.target)) == found


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
        ("shop.services", "other = {}", "has no table that could be read"),
        ("shop.services", "table = make()", "it is no literal"),
        ("shop.services", "table = (", "is no Python"),
        ("shop.services", "def table():\n    return {'a': __import__('os')}", "it is no literal"),
    ],
)
def test_declared_services_are_refused_when_they_are_no_literal(module: str, text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        declared(module, text)
    assert caught.value.message.startswith("entry point grocker.services: www = ")
    assert words in caught.value.message


def test_declared_services_are_none_when_the_wheel_has_no_such_entry_point() -> None:
    assert declared_services(wheel({}, points=(EntryPoint("console_scripts", "shop", "shop", "main"),))) == {}
