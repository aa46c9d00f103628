"""Wheels that lack what the application needs of its project."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from grocker.config.services import DetectedApplication, Services
from grocker.config.settings import Settings
from grocker.inputs.completeness import IncompleteWheelError, check_complete, check_start
from grocker.progress import Silent
from grocker.python import InstallScheme, read_tree, read_wheel
from grocker.runner.contract.spec import Service
from grocker.store import Store
from tests.support.wheels import make_wheel

DATA = {"static/a.css": "a"}
NONE: dict[str, Service] = {}
WWW = {"www": Service(wsgi="shop:app")}
CODE = {"shop/__init__.py": "open('words.txt')"}


def check(
    place: Path,
    files: Mapping[str, str],
    sources: list[str],
    services: Mapping[str, Service],
    settings: Settings,
    module: str | None = None,
) -> tuple[str, str]:
    """Return the warning, if any, with its hint. ``sources``: the project's files, which are empty."""
    for path in sources:
        (place / "p" / path).parent.mkdir(parents=True, exist_ok=True)
        (place / "p" / path).touch()
    (place / "p").mkdir(exist_ok=True)
    installed = read_wheel(make_wheel(place, files=files), InstallScheme("3.13"))
    progress = Silent()
    table = Services(services, any_service=False, source="")
    with Store.open(place / "store") as store:
        check_complete(installed, read_tree(place / "p", now=0), table, module, settings, progress, store)
    message, hint = (*progress.warnings, ("", ""))[0]
    return message, hint or ""


@pytest.mark.parametrize(
    ("files", "sources", "services", "said"),
    [
        (
            DATA,
            ["app.py", "setup.py", "shop/__init__.py"],
            NONE,
            "has no module: its build back end left out app.py, shop/",
        ),
        (DATA, ["src/shop/__init__.py", "src/shop/a/__init__.py", "tests/__init__.py", "test_a.py"], NONE, "shop/"),
        (CODE, ["shop/templates/a.html"], WWW, ""),
        (CODE, ["shop/__init__.py", "shop/templates/a.html"], WWW, "has no files from shop/templates/"),
        (CODE, ["src/shop/__init__.py", "src/shop/static/a.css"], WWW, "has no files from src/shop/static/"),
        (
            CODE,
            ["shop/__init__.py", "shop/words.txt", "shop/other.txt"],
            WWW,
            "lacks shop/words.txt, which its code refers to",
        ),
        (CODE, ["shop/wsgi.py"], {"www": Service(wsgi="shop.wsgi:app")}, "lacks shop/wsgi.py, which a service needs"),
        (
            CODE,
            ["bin/run.py", "run.conf"],
            {"worker": Service(command="python ./bin/run.py --config=run.conf")},
            "lacks bin/run.py, run.conf, which the command of a service names",
        ),
        (
            CODE,
            ["backend/app.py"],
            {"web": Service(command="python -m uvicorn backend.app:app --port=${PORT}")},
            "lacks backend/app.py, which a service needs",
        ),
        (
            {"shop/__init__.py": "app.mount('/s', StaticFiles(packages=['x'], directory='static'))"},
            ["static/a.css", "shop/__init__.py"],
            WWW,
            "",
        ),
        (
            {"shop/__init__.py": "app.mount('/s', StaticFiles(directory='shop/static'))", "shop/static/a.css": ""},
            ["shop/static/a.css", "shop/__init__.py"],
            WWW,
            "opens shop/static relative to the project's directory",
        ),
        (
            {"shop/__init__.py": "templates = Jinja2Templates(Path('shop', 'pages'))", "shop/pages/a.html": ""},
            ["shop/pages/a.html", "shop/__init__.py"],
            WWW,
            "opens shop/pages relative to the project's directory",
        ),
        (CODE, ["shop/settings.py"], WWW, "lacks shop/settings.py, which a service needs"),
        (CODE, ["web/manage.py", "web/shop/settings.py"], WWW, "lacks web/shop/settings.py, which a service needs"),
    ],
)
def test_package_becomes_a_tree_when_its_wheel_lacks_what_a_service_needs(
    tmp_path: Path, files: Mapping[str, str], sources: list[str], services: Mapping[str, Service], said: str
) -> None:
    if not said:
        assert check(tmp_path, files, sources, services, Settings()) == ("", "")
        return
    with pytest.raises(IncompleteWheelError) as caught:
        check(tmp_path, files, sources, services, Settings(), "shop.settings")
    assert caught.value.message.startswith("the wheel of demo ")
    assert said in caught.value.message
    assert caught.value.built.name == "demo"


def test_package_stays_one_when_the_settings_insist(tmp_path: Path) -> None:
    sources = ["app.py", "setup.py", "shop/__init__.py", "static/a.css"]
    message, hint = check(tmp_path, DATA, sources, NONE, Settings(install="package"))
    assert message == "the wheel of demo has no module: its build back end left out app.py, shop/"
    assert '[tool.setuptools]\npy-modules = ["app"]\n[tool.setuptools.packages.find]\ninclude = ["shop*"' in hint


@pytest.mark.parametrize(
    ("files", "sources", "left"),
    [
        ({"app.py": ""}, ["app.py", "templates/a.html", "static/a/b.css"], ["static/", "templates/"]),
        ({"shop/__init__.py": ""}, ["src/shop/__init__.py", "src/shop/templates/a.html"], ["src/shop/templates/"]),
        ({"shop/static/a": "", "shop/__init__.py": ""}, ["src/shop/static/a", "src/shop/static/b"], []),
        ({"shop/__init__.py": ""}, ["tests/a.py", "tests/templates/a", "web/static/a", "static/a"], []),
        ({"shop/__init__.py": ""}, ["pyproject.toml", "setup.py", "docs/conf.py", "app.py"], []),
        (CODE, ["shop/__init__.py", "shop/words.txt"], []),
    ],
)
def test_user_is_warned_when_no_service_needs_what_is_left_out(
    tmp_path: Path, files: Mapping[str, str], sources: list[str], left: list[str]
) -> None:
    message, _ = check(tmp_path, files, sources, NONE, Settings())
    assert message == (f"the wheel of demo has no files from {', '.join(left)}" if left else "")


@pytest.mark.parametrize(
    ("sources", "command", "found", "said"),
    [
        (["main.py"], "", DetectedApplication(kind="asgi", target="main:app"), "start main:app"),
        (
            ["bot/__main__.py"],
            "",
            DetectedApplication(commands={"worker": ("python", "-m", "bot")}),
            "start python -m bot",
        ),
        (["main.py"], "", DetectedApplication(), ""),
        (["server.py"], "shop", DetectedApplication(target="server:create_app()"), "start server:create_app()"),
        (["server.py"], "shop", DetectedApplication(target="shop.other:app"), ""),
        (["demo.py"], "shop", DetectedApplication(target="demo:app"), ""),
    ],
)
def test_package_becomes_a_tree_when_only_its_project_starts_something(
    tmp_path: Path, sources: list[str], command: str, found: DetectedApplication, said: str
) -> None:
    for path in sources:
        (tmp_path / "p" / path).parent.mkdir(parents=True)
        (tmp_path / "p" / path).touch()
    points = f"[console_scripts]\n{command} = shop:main\n" if command else ""
    installed = read_wheel(make_wheel(tmp_path, files=CODE, entry_points=points), InstallScheme("3.13"))
    tree = read_tree(tmp_path / "p", now=0)
    if not said:
        check_start(installed, tree, lambda: found)
        return
    with pytest.raises(IncompleteWheelError, match=re.escape(said)):
        check_start(installed, tree, lambda: found)


def test_files_beside_the_package_are_not_missing(tmp_path: Path) -> None:
    services = {"www": Service(command="gunicorn --config gunicorn.conf.py shop")}
    assert check(tmp_path, CODE, ["gunicorn.conf.py"], services, Settings(files=("gunicorn.conf.py",))) == ("", "")
