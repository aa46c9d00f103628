"""Services that cannot start are refused; what the image's user may mean is a warning."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.builder.service_checks import check_services
from grocker.errors import SettingsError
from grocker.inputs.application import Application
from grocker.layers.provided import Provided
from grocker.progress import Silent
from grocker.python import read_project
from grocker.runner.contract.spec import Service
from grocker.tar.entry import File
from tests.support.applications import ROOT, make_application

PROVIDED = Provided(frozenset({"python", "sh", "gunicorn", "celery", "sleep"}), frozenset({"flask", "company"}))
FLASK = "import os\nfrom flask import Flask\n\napp = Flask(__name__)\n"
FILES = {
    "shop/__init__.py": "",
    "shop/app.py": FLASK,
    "shop/odd.py": "from shop.app import *\n",
    "shop/late.py": "def make():\n    global app\n    app = 1\ntry:\n    import x as one\nexcept E:\n    two = 2\n",
    "shop/site.py": "import django\nimport requests\napplication = 1\n",
    "shop/new.py": "except A, B:\n",
    "company/shop.py": "app = 1\n",
    "loose/__main__.py": "",
    "worker.py": "",
    "bin/start": "#!/bin/sh\n",
}


def application(files: Mapping[str, str] = FILES, *, tree: bool = True, settings: str | None = None) -> Application:
    entries = [
        *(File(f"{ROOT}/{path}", text.encode()) for path, text in sorted(files.items())),
        File("opt/venv/bin/manage.py", b"#!"),
        File(f"{ROOT}/shop/fast.cpython-313-x86_64-linux-gnu.so", b"\x7fELF"),
    ]
    return make_application(entries, tree=tree, settings=settings)


def check(
    service: Service,
    of: Application | None = None,
    *,
    uncompiled: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> list[str]:
    """The warnings."""
    progress = Silent()
    check_services(
        of or application(),
        {"www": service},
        PROVIDED,
        uncompiled or {},
        progress,
        series="3.13",
        variables=variables or {},
    )
    return [message for message, _ in progress.warnings]


@pytest.mark.parametrize(
    "service",
    [
        Service(wsgi="shop.app:app"),
        Service(wsgi="shop.app:app.wsgi"),
        Service(wsgi="shop.late:make('x')"),
        Service(wsgi="shop.late:app"),
        Service(wsgi="shop.late:one"),
        Service(wsgi="shop.late:two"),
        Service(wsgi="shop.odd:anything"),
        Service(wsgi="shop.fast:app"),
        Service(wsgi="flask.site:app"),
        Service(wsgi="company.core:app", env={"PYTHONPATH": "/media"}),
        Service(command=("python", "worker.py")),
        Service(command="python -u nothing.py"),
        Service(command="sleep 1; nothing"),
        Service(command="exec gunicorn --bind :$PORT shop.app:app"),
        Service(command="A=1 env B=2 celery worker"),
        Service(command="exit 3"),
        Service(command=("manage.py", "runserver")),
        Service(command="bin/start"),
        Service(command="./bin/start --now"),
        Service(command="/srv/elsewhere"),
        Service(command="$PROGRAM"),
        Service(command="python -m http.server"),
        Service(command="python -m loose"),
        Service(command="gunicorn app:app", directory="/opt/app/shop"),
        Service(command="python app.py", directory="/opt/app/shop"),
        Service(command="python app.py", directory="/media"),
    ],
)
def test_nothing_is_said_of_a_service_that_can_start(service: Service) -> None:
    assert [said for said in check(service) if "company" not in said] == []


@pytest.mark.parametrize(
    ("service", "words"),
    [
        (Service(wsgi="shop.gone:app"), "shop has no module shop.gone"),
        (Service(asgi="other.main:app"), "nothing in the image provides the module other"),
        (Service(wsgi="shop.app:ap"), "shop/app.py defines no ap"),
        (Service(wsgi="shop.site:application"), "shop/site.py imports django, which is not in the image"),
        (Service(wsgi="shop.new:app"), "shop/new.py is not valid Python 3.13: SyntaxError: multiple exception types"),
        (Service(command="uvicorn shop.app:app"), "nothing in the image provides the program uvicorn"),
        (Service(command=("bot", "x")), "nothing in the image provides the program bot"),
        (Service(command="gunicorn shop.gone:app"), "shop has no module shop.gone"),
        (Service(command="gunicorn shop.app"), "shop/app.py defines no application"),
        (Service(command="python gone.py"), "/opt/app has no file gone.py"),
        (Service(command="./gone.sh"), "/opt/app has no file ./gone.sh"),
        (Service(command="python worker.py", directory="/opt/app/shop"), "/opt/app/shop has no file worker.py"),
        (Service(command="python -m shop.gone"), "shop has no module shop.gone"),
    ],
)
def test_service_is_refused_when_it_cannot_start(service: Service, words: str) -> None:
    why = {f"{ROOT}/shop/new.py": "SyntaxError: multiple exception types must be parenthesized"}
    with pytest.raises(SettingsError) as caught:
        check(service, uncompiled=why)
    assert caught.value.message.startswith(f"service www: {words}")
    assert caught.value.hint


def test_hint_names_what_the_module_defines() -> None:
    with pytest.raises(SettingsError) as caught:
        check(Service(wsgi="shop.app:ap"))
    assert caught.value.hint == "name an object of the module, MODULE:ATTRIBUTE; it defines Flask, app, os"


def test_package_may_start_files_that_only_its_user_has() -> None:
    assert check(Service(command="python gone.py"), application(tree=False)) == []


def test_warning_suffices_when_something_else_may_provide_it() -> None:
    said = ["service www: shop has no module company.core"]
    assert check(Service(wsgi="company.core:app")) == said
    unknown = Service(wsgi="other:app")
    said = ["service www: nothing in the image provides the module other"]
    assert check(unknown, variables={"PYTHONPATH": "/media"}) == said
    only = replace(application({"a.py": "import requests\napp = 1\n"}))
    assert check(Service(wsgi="a:app"), only) == ["service www: a.py imports requests, which is not in the image"]


@pytest.mark.parametrize(
    ("module", "warned"), [("shop.app", False), ("flask.settings", False), (None, False), ("shop.local", True)]
)
def test_user_is_warned_when_the_settings_module_is_missing(module: str | None, warned: bool) -> None:
    said = check(Service(wsgi="shop.app:app"), application(settings=module))
    assert said == ([f"Django's settings module {module} is not in the image"] if warned else [])


def test_user_is_warned_of_files_that_the_image_cannot_compile() -> None:
    why = {f"{ROOT}/b.py": "SyntaxError: b", f"{ROOT}/a.py": "SyntaxError: a"}
    said = check(Service(wsgi="shop.app:app"), uncompiled=why)
    assert said == ["a.py is not valid Python 3.13: SyntaxError: a; and 1 more"]


def test_hint_names_the_group_that_has_the_distribution(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "1"\n[dependency-groups]\n'
        'docs = ["sphinx"]\nWeb_Dev = ["Flask >=3", "django-environ"]\n'
    )
    files = {"a.py": "import environ\nimport flask\nimport flask_cors\napp = 1\n"}
    one = replace(application(files), project=read_project(tmp_path), groups=("docs",))
    progress = Silent()
    nothing = Provided(frozenset(), frozenset())
    with pytest.raises(SettingsError) as caught:
        check_services(one, {"www": Service(wsgi="a:app")}, nothing, {}, progress, series="3.13", variables={})
    assert caught.value.message == "service www: a.py imports flask, which is not in the image"
    remedy = 'set groups = ["docs", "web-dev"] in [tool.grocker]'
    assert caught.value.hint == f"flask is in the dependency group web-dev; {remedy}"
    assert progress.warnings == [
        (
            "service www: a.py imports environ, which is not in the image",
            f"environ is in the dependency group web-dev; {remedy}",
        )
    ]
