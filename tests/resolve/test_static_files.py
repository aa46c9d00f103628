"""Directories of static files, found in wheels without running anything of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.config.services import Services
from grocker.digest import of
from grocker.errors import SettingsError
from grocker.lock.values import PythonFile
from grocker.python import InstallScheme, read_wheel
from grocker.resolve.static_files import with_static
from grocker.runner.contract.spec import Service
from grocker.store import Store
from tests.support.wheels import make_wheel

SITE = "/opt/venv/lib/python3.13/site-packages"
OWN = {
    "shop/__init__.py": "",
    "shop/static/shop/a.css": "a",
    "shop/assets/deep/b.js": "b",
    "shop/cart/__init__.py": "",
    "shop/cart/static/c.css": "c",
    "shop/templates/static/no.css": "beside no __init__.py",
    "static/no.css": "at the top",
}
OTHER = {"admin/__init__.py": "", "admin/static/admin.css": "d", "demo-1.0.data/purelib/x.py": ""}


class Shop:
    """An application with one other wheel, which is counted when it is looked into."""

    def __init__(self, directory: Path, store: Store) -> None:
        self.application = read_wheel(make_wheel(directory / "own", files=OWN), InstallScheme("3.13"))
        self.path = make_wheel(directory / "other", name="other", files=OTHER)
        data = self.path.read_bytes()
        self.file = PythonFile("other", "1.0", self.path.name, "default", len(data), of(data))
        self.store = store
        self.fetched = 0

    def static(self, given: tuple[str, ...] | bool) -> list[str]:
        services = Services(
            {"www": Service(wsgi="a:b", media=True)}, any_service=False, source="", static={"www": given}
        )
        found = with_static(self.store, services, self.application, [self.file], self.fetch)["www"]
        assert found.media
        return [directory.removeprefix(f"{SITE}/") for directory in found.static]

    def fetch(self, _: PythonFile) -> Path:
        self.fetched += 1
        return self.path


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Store.open(tmp_path / "store") as store:
        yield Shop(tmp_path, store)


def test_all_directories_called_static_are_shown_the_applications_first(shop: Shop) -> None:
    assert shop.static(True) == ["shop/static", "shop/cart/static", "admin/static"]
    assert shop.static(True)
    assert shop.fetched == 1, "what a wheel has is kept"


def test_directories_are_those_that_are_named_in_their_order(shop: Shop) -> None:
    assert shop.static(("shop/assets/", "shop/static")) == ["shop/assets", "shop/static"]
    assert shop.fetched == 0, "nobody asked for another wheel's"
    assert shop.static(("admin/static", "shop/static")) == ["admin/static", "shop/static"]


@pytest.mark.parametrize("directory", ["shop/statik", "shop/static/shop/a.css"])
def test_directory_is_refused_when_no_wheel_has_it(shop: Shop, directory: str) -> None:
    with pytest.raises(
        SettingsError, match=rf"services\.www\.static: no installed package has a directory .{directory}"
    ):
        shop.static((directory,))


def test_static_is_refused_when_there_is_none(shop: Shop) -> None:
    empty = make_wheel(shop.path.parent / "empty", name="empty", files={"empty/__init__.py": ""})
    services = Services({"www": Service(wsgi="a:b")}, any_service=False, source="", static={"www": True})
    with pytest.raises(SettingsError, match="no installed package has a directory .static."):
        with_static(shop.store, services, read_wheel(empty, InstallScheme("3.13")), [], shop.fetch)
