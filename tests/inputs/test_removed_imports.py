"""Imports of modules that Python's library has lost."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from grocker import digest
from grocker.inputs.application import Application
from grocker.inputs.removed_imports import find_removed_imports
from grocker.lock.values import PythonFile
from grocker.python.metadata import EntryPoint
from grocker.runner.contract.spec import Service
from grocker.tar.entry import File
from tests.support.applications import ROOT, make_application


def application(
    files: Mapping[str, str], service: Service | None = None, script: str = "", settings: str | None = None
) -> Application:
    """A source tree."""
    return make_application(
        [File(f"{ROOT}/{path}", text.encode()) for path, text in sorted(files.items())],
        services={"www": service} if service else {},
        entry_points=[EntryPoint("console_scripts", "shop", script, "main")] if script else (),
        settings=settings,
    )


def wheel(name: str, version: str = "1.0") -> PythonFile:
    return PythonFile(name, version, f"{name}-{version}-py3-none-any.whl", "default", 0, digest.of(name.encode()))


def found(one: Application, *wheels: PythonFile, series: str = "3.13") -> list[tuple[str, str]]:
    return [(lost.path, lost.module) for lost in find_removed_imports(one, wheels, series)]


SHOP = {
    "shop/__init__.py": "",
    "shop/app.py": "from flask import Flask\napp = Flask(__name__)\ndef late():\n    from shop import forms\n",
    "shop/forms.py": "import cgi\nfrom distutils.util import strtobool\n",
    "shop/old.py": "import imp\n",
}


@pytest.mark.parametrize(
    ("series", "modules"), [("3.11", []), ("3.12", ["distutils"]), ("3.13", ["cgi", "distutils"]), ("3.14", None)]
)
def test_module_is_missed_on_a_python_that_has_lost_it(series: str, modules: list[str] | None) -> None:
    one = application(SHOP, Service(wsgi="shop.app:app"))
    expected = [("shop/forms.py", name) for name in (modules if modules is not None else ["cgi", "distutils"])]
    assert found(one, series=series) == expected


def test_distribution_that_brings_the_module_suffices() -> None:
    one = application(SHOP, Service(wsgi="shop.app:app"))
    assert found(one, wheel("legacy-cgi"), wheel("setuptools", "80.9.0")) == []
    assert found(one, wheel("legacy-cgi"), wheel("setuptools", "59.8.0")) == [("shop/forms.py", "distutils")]


def test_own_module_of_that_name_suffices() -> None:
    one = application({"app.py": "import cgi\n", "cgi.py": ""}, Service(wsgi="app:app"))
    assert found(one) == []


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import cgi\nexcept ImportError:\n    cgi = None\n",
        "try:\n    import a\nexcept ModuleNotFoundError:\n    import cgi\n",
        "import sys\nif sys.version_info < (3, 13):\n    import cgi\n",
        "def late():\n    import cgi\n",
        "from . import cgi\nfrom .cgi import escape\n",
        "import fastcgi, mycgi.cgi\n",
        '"""\nimport cgi\n"""\n',
        "import cgi as\n",
    ],
)
def test_import_does_not_count_when_something_guards_it_or_it_is_none(text: str) -> None:
    assert found(application({"app.py": text}, Service(wsgi="app:app"))) == []


@pytest.mark.parametrize(
    "service",
    [
        Service(command=("python", "bin/run.py")),
        Service(command="exec python /opt/app/bin/run.py"),
        Service(command=("sh", "-c", "python bin/run.py")),
        Service(command=("python", "-m", "tool")),
        Service(wsgi="late:app"),
        Service(command=("celery", "-A", "late", "worker")),
        Service(command=("sleep", "1"), processes={"w": ("python", "-m", "late")}),
    ],
)
def test_modules_are_reached_from_services(service: Service) -> None:
    files = {
        "bin/run.py": "import beside\n",
        "bin/beside.py": "import cgi\n",
        "tool/__main__.py": "import tool.inner\n",
        "tool/inner.py": "import cgi\n",
        "late.py": 'run("inner.deep:app")\n',
        "inner/__init__.py": "import cgi\n",
        "inner/deep.py": "app = 1\n",
        "unused.py": "import imp\n",
    }
    [(path, module)] = found(application(files, service))
    assert module == "cgi"
    assert path != "unused.py"


def test_modules_are_reached_from_console_scripts() -> None:
    assert found(application(SHOP, script="shop.old")) == [("shop/old.py", "imp")]


def test_all_but_tests_count_when_django_loads_them_or_nothing_is_started() -> None:
    files = {"shop/apps.py": "import imp\n", "shop/tests/test_a.py": "import imp\n", "setup.py": "import distutils\n"}
    assert found(application(files)) == [("shop/apps.py", "imp")]
    one = application({**files, "wsgi.py": "application = 1\n"}, Service(wsgi="wsgi:application"), settings="shop.a")
    assert found(one) == [("shop/apps.py", "imp")]


def test_words_name_the_module_the_python_and_a_remedy() -> None:
    [one] = find_removed_imports(application({"app.py": "import cgi\n"}), (), "3.13")
    assert one.problem == "app.py imports cgi, which Python 3.13 no longer has"
    assert one.remedy == "; or require legacy-cgi, which provides cgi"
