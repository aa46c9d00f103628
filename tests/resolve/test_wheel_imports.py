"""Imports of lost modules in the wheels of an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker import digest
from grocker.errors import CorruptError
from grocker.inputs.application import Application
from grocker.lock.values import PythonFile
from grocker.resolve.wheel_imports import find_wheel_imports
from grocker.runner.contract.spec import Service
from grocker.store import Store
from tests.inputs.test_removed_imports import application
from tests.support.wheels import make_wheel

WEB = {
    "web/__init__.py": "from web.request import Request\n",
    "web/request.py": "from . import forms\nfrom web import (  # all\n    parts,\n)\n",
    "web/forms.py": "import cgi\n",
    "web/parts.py": "try:\n    import imp\nexcept ImportError:\n    imp = None\n",
    "web/build.py": "import distutils.core\n",
}
SERVED = Service(wsgi="app:app")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "cache") as opened:
        yield opened


class Wheels:
    """Wheels in a directory, and which were fetched."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._paths: dict[PythonFile, Path] = {}
        self.fetched: list[str] = []

    def add(self, name: str, files: Mapping[str, str], entry_points: str = "") -> None:
        path = make_wheel(self._directory, name, files=dict(files), entry_points=entry_points)
        data = path.read_bytes()
        self._paths[PythonFile(name, "1.0", path.name, "default", len(data), digest.of(data))] = path

    def found(self, store: Store, one: Application, series: str = "3.13") -> list[str]:
        lost = find_wheel_imports(store, one, list(self._paths), series, self.fetch)
        return [f"{each.path} imports {each.module}" for each in lost]

    def fetch(self, file: PythonFile) -> Path:
        self.fetched.append(file.name)
        return self._paths[file]


@pytest.fixture
def wheels(tmp_path: Path) -> Wheels:
    return Wheels(tmp_path / "wheels")


def test_lost_module_is_found_where_the_applications_imports_lead(store: Store, wheels: Wheels) -> None:
    wheels.add("web", WEB)
    wheels.add("api", {"api.py": "import web\n", "other.py": ""})
    through = application({"app.py": "import api\n"}, SERVED)
    assert wheels.found(store, through) == ["web/forms.py of web 1.0 imports cgi"]
    assert wheels.found(store, application({"app.py": "import other\n", "late.py": "import api\n"}, SERVED)) == []
    assert wheels.found(store, application({"app.py": "from web import build\n"}, SERVED)) == [
        "web/build.py of web 1.0 imports distutils",
        "web/forms.py of web 1.0 imports cgi",
    ]
    assert wheels.found(store, through, "3.12") == []


def test_wheels_are_fetched_once(store: Store, wheels: Wheels) -> None:
    wheels.add("web", WEB)
    one = application({"app.py": "import web\n"}, SERVED)
    first = wheels.found(store, one)
    wheels.fetched.clear()
    assert wheels.found(store, one) == first != []
    assert wheels.fetched == []


@pytest.mark.parametrize(
    ("name", "files"),
    [("legacy-cgi", {"nothing.py": ""}), ("own-cgi", {"cgi.py": ""}), ("own-cgi", {"cgi/__init__.py": ""})],
)
def test_another_wheel_may_bring_the_module(store: Store, wheels: Wheels, name: str, files: dict[str, str]) -> None:
    wheels.add("web", WEB)
    wheels.add(name, files)
    assert wheels.found(store, application({"app.py": "import web\n"}, SERVED)) == []


def test_django_loads_applications_by_their_names(store: Store, wheels: Wheels) -> None:
    wheels.add("shelf", {"shelf/__init__.py": "", "shelf/models.py": "import imp\n", "shelf/unused.py": "import cgi\n"})
    files = {"site1/settings.py": 'INSTALLED_APPS = ["shelf"]\n', "site1/wsgi.py": "application = 1\n"}
    service = Service(wsgi="site1.wsgi:application")
    one = application(files, service, settings="site1.settings")
    assert wheels.found(store, one) == ["shelf/models.py of shelf 1.0 imports imp"]


def test_module_of_a_wheel_may_be_served_itself(store: Store, wheels: Wheels) -> None:
    wheels.add("web", WEB)
    one = application({"conf.py": ""}, Service(wsgi="web.request:main"))
    assert wheels.found(store, one) == ["web/forms.py of web 1.0 imports cgi"]


def test_wheel_that_is_none_is_an_error(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "web-1.0-py3-none-any.whl"
    path.write_bytes(b"PK")
    file = PythonFile("web", "1.0", path.name, "default", 2, digest.of(b"PK"))
    fetch: Callable[[PythonFile], Path] = {file: path}.__getitem__
    with pytest.raises(CorruptError, match=r"^reading web-1.0-py3-none-any.whl: "):
        find_wheel_imports(store, application({"app.py": ""}), [file], "3.13", fetch)
    compiled = replace(file, file="web-1.0-cp313-cp313-linux_x86_64.whl")
    assert find_wheel_imports(store, application({"app.py": ""}), [compiled], "3.13", fetch) == ()


@pytest.mark.parametrize("service", [SERVED, Service(command="gunicorn app:app"), Service(command=("gunicorn", "app"))])
def test_server_is_started_by_its_script(store: Store, wheels: Wheels, service: Service) -> None:
    files = {"gunicorn/__init__.py": "", "gunicorn/app.py": "import pkg_resources\n"}
    wheels.add("gunicorn", files, "[console_scripts]\ngunicorn = gunicorn.app:run\n")
    one = application({"app.py": ""}, service)
    assert wheels.found(store, one) == ["gunicorn/app.py of gunicorn 1.0 imports pkg_resources"]
    assert wheels.found(store, application({"app.py": ""}, Service(command="python -m app"))) == []
