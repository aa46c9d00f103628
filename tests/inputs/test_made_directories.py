"""Directories that an application makes beside its code, found without importing it."""

from __future__ import annotations

import pytest

from grocker.inputs.made_directories import find_databases, find_made_directories

ROOTS = ("opt/app/src", "opt/app")


def made(*texts: str, **more: str) -> list[str]:
    """The last text is ``shop/__init__.py``; ``a__b`` is ``a/b.py``."""
    files = {f"opt/app/{name.replace('__', '/')}.py": text for name, text in more.items()}
    return list(find_made_directories({**files, "opt/app/shop/__init__.py": "\n".join(texts)}, ROOTS))


@pytest.mark.parametrize(
    "text",
    [
        "os.makedirs(os.path.join(os.path.dirname(__file__), 'data'), exist_ok=True)",
        "here = os.path.dirname(os.path.abspath(__file__))\nif not os.path.exists(here):\n    os.mkdir(here + '/data')",
        "(Path(__file__).parent / 'data').mkdir(exist_ok=True)",
        "DATA: Path = Path(__file__).resolve().parents[1].joinpath('shop', 'data')\nDATA.mkdir(exist_ok=True)",
        "a['A'] = os.path.dirname(__file__)\nos.makedirs(getenv('X', os.path.join(a['A'], 'data')), exist_ok=True)",
        "here = os.path.dirname(__file__)\ntry:\n    os.makedirs(here + '/data')\nexcept OSError:\n    pass",
        "data = os.environ.get('DATA') or f'{os.path.dirname(__file__)}/data'\nos.makedirs(data, exist_ok=True)",
        "data = config('DATA', default=Path(__file__).parent / 'data')\nos.makedirs(str(data), exist_ok=True)",
        "def create_app():\n    here = os.path.dirname(__file__)\n    os.makedirs(here + '/data', exist_ok=1)",
        "class Config:\n    data = Path(__file__).parent / 'data'\n    data.mkdir(exist_ok=True)",
        "class Config:\n    CACHE_DIR: str = os.path.join(os.path.dirname(__file__), os.pardir, 'shop', 'data')",
        "app.config['UPLOAD_FOLDER'] = unknown() or os.path.dirname(__file__) + '/data'",
    ],
)
def test_directory_is_found_when_it_is_made_at_the_import(text: str) -> None:
    assert made("import os", text) == ["opt/app/shop/data"]


@pytest.mark.parametrize(
    "text",
    [
        "os.makedirs('/var/data', exist_ok=True)",
        "os.makedirs(os.environ['DATA'], exist_ok=True)",
        "os.makedirs(os.path.join(unknown, 'data'), exist_ok=True)",
        "def prepare():\n    os.makedirs(os.path.dirname(__file__) + '/data', exist_ok=True)",
        "print(__file__)",
        "os.makedirs(os.path.dirname(__file__) + '/a\\0b', exist_ok=True)",
        "os.makedirs(" + "(" * 5000 + "__file__" + ")" * 5000 + ", exist_ok=True)",
        "makedirs(",
    ],
)
def test_nothing_is_found_when_the_place_is_another_or_unknown(text: str) -> None:
    assert [place for place in made(text) if place.startswith("opt/app")] == []


def test_relative_directory_is_below_the_one_where_services_start() -> None:
    texts = {"opt/app/shop.py": "import os\ndef create_app():\n    os.makedirs('logs', exist_ok=True)\n"}
    assert list(find_made_directories(texts, ROOTS, start="opt/app")) == ["opt/app/logs"]
    assert list(find_made_directories(texts, ROOTS)) == []


def test_names_of_other_modules_are_followed() -> None:
    base = "from pathlib import Path\nBASE = Path(__file__).parent.parent\nfrom shop import nothing\n"
    text = "from .settings import BASE as here\n(here / 'data').mkdir(exist_ok=True)"
    assert made(text, shop__settings=base) == ["opt/app/data"]
    assert made("from shop.settings import BASE\n(BASE / 'data').mkdir(exist_ok=True)", shop__settings=base) == [
        "opt/app/data"
    ]
    assert made("from shop.nowhere import BASE\n(BASE / 'data').mkdir(exist_ok=True)", shop__settings=base) == []


def test_database_is_found_where_its_address_is_assigned() -> None:
    text = "import os\nURL = cast(x) or f'sqlite:///{os.path.dirname(__file__)}/shop.db'\nOTHER = 'sqlite:///x.db'\n"
    assert list(find_databases({"opt/app/shop/config.py": text}, ROOTS)) == ["opt/app/shop/shop.db"]


@pytest.mark.parametrize("name", ["os.path.join(ABOVE, os.environ.get('X', 'shopdb'))", "f'{ABOVE}/shopdb'"])
def test_database_of_django_is_found_whatever_its_name(name: str) -> None:
    above = "import os\nPROJECT = os.path.dirname(os.path.abspath(__file__))\nABOVE = os.path.dirname(PROJECT)\n"
    table = f"DATABASES = {{'default': {{'ENGINE': 'django.db.backends.sqlite3', 'NAME': {name}}}}}\n"
    found = find_databases(
        {"opt/app/shop/settings.py": f"{above}if 'URL' in os.environ:\n    x = 1\nelse:\n    {table}"}, ROOTS
    )
    assert list(found) == ["opt/app/shopdb"]
    assert list(find_databases({"opt/app/shop/settings.py": above + table.replace("sqlite3", "mysql")}, ROOTS)) == []
