"""Where collected static files are in the image, who shows them, and when they are collected again."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker import digest
from grocker.config.services import Services
from grocker.inputs.application import Application
from grocker.inputs.writable import WritablePath
from grocker.lock.values import PythonFile
from grocker.python import Metadata, Wheel
from grocker.resolve.collected_files import PLACE, StaticFiles, StaticRun, choose_place, may_collect, shown_static
from grocker.runner.contract.spec import Service
from grocker.tar.entry import Entry, File, Symlink

FILES: tuple[Entry, ...] = (
    File("opt/app/shop/settings.py", b"DEBUG = False"),
    File("opt/app/shop/views.py", b""),
    File("opt/app/shop/static/a.css", b"a {}"),
    File("opt/venv/lib/python3.13/site-packages/shop-1.dist-info/RECORD", b"shop/views.py,sha256=1,0"),
    Symlink("opt/app/data", "/media/data"),
)
READ = ("opt/app/shop/settings.py",)


@pytest.mark.parametrize(
    ("root", "place"),
    [
        ("/opt/app/staticfiles", "/opt/app/staticfiles"),
        ("/usr/src/site/static", "/usr/src/site/static"),
        ("/static", "/static"),
        ("", PLACE),
        ("/", PLACE),
        ("staticfiles", PLACE),
        ("/srv/../etc", PLACE),
        ("/srv/$static", PLACE),
        ("/media/static", PLACE),
        ("/tmp/static", PLACE),
        ("/usr", PLACE),
        ("/opt/app", PLACE),
        ("/opt/app/shop", PLACE),
        ("/opt/app/data/static", PLACE),
    ],
)
def test_X1_static_files_are_at_static_root_when_clients_may_see_all_of_it(root: str, place: str) -> None:
    assert choose_place(root, FILES) == place


@pytest.mark.parametrize(
    ("text", "module", "may"),
    [
        (b"DEBUG = False", "shop.settings", False),
        (b"INSTALLED_APPS = ['django.contrib.staticfiles']", "shop.settings", True),
        (b"from company.settings import *", "shop.settings", True),
        (b"DEBUG = False", "company.settings", True),
    ],
)
def test_static_files_are_collected_when_settings_may_name_them(text: bytes, module: str, may: bool) -> None:
    assert may_collect((File("opt/app/shop/settings.py", text), *FILES[1:]), module) == may


@pytest.mark.parametrize(
    ("service", "given", "is_shown", "fits", "shown"),
    [
        (Service(wsgi="a:b"), {}, True, True, (PLACE,)),
        (Service(asgi="a:b"), {}, True, True, (PLACE,)),
        (Service(wsgi="a:b"), {}, False, True, ()),
        (Service(command=("x",)), {}, True, True, ()),
        (Service(wsgi="a:b", static=("/a",)), {"www": True}, False, True, (PLACE,)),
        (Service(wsgi="a:b", static=("/a",)), {"www": ("a",)}, True, True, ("/a", PLACE)),
        (Service(wsgi="a:b", static=("/a",)), {"www": True}, False, False, ("/a",)),
    ],
)
def test_collected_files_are_shown_when_nothing_else_serves_them(
    service: Service, given: dict[str, object], is_shown: bool, fits: bool, shown: tuple[str, ...]
) -> None:
    static = StaticFiles(Path(), "0", PLACE, frozenset(), is_shown, fits)
    assert shown_static({"www": service}, given, static)["www"].static == shown


def run(*entries: Entry, **changes: object) -> StaticRun:
    """A run for an application of these files."""
    about = Metadata("shop", "1")
    installed = Wheel("shop", "shop", "1", "opt/app", True, about, (), entries)
    application = Application(
        wheel=digest.of(b""),
        file=None,
        installed=installed,
        extras=(),
        build=(),
        services=Services({}, any_service=False, source=""),
        django_settings_module="shop.settings",
        base_config=(None, ""),
        crontab=(None, ""),
        files=(),
        project=None,
    )
    return replace(StaticRun(application, ("1",), (), {}), **changes)


def with_file(path: str, data: bytes) -> tuple[Entry, ...]:
    return (*(entry for entry in FILES if entry.path != path), File(path, data))


@pytest.mark.parametrize(
    ("entries", "is_reused"),
    [
        (FILES[::-1], True),
        (with_file("opt/app/shop/views.py", b"# changed"), True),
        (with_file("opt/venv/lib/python3.13/site-packages/shop-1.dist-info/RECORD", b"shop/views.py,,"), True),
        (with_file("opt/app/shop/settings.py", b"DEBUG = True"), False),
        (with_file("opt/app/shop/static/a.css", b"b {}"), False),
        (with_file("opt/app/shop/local_settings.py", b""), False),
        (FILES[:-1], False),
        ((*FILES[:-1], Symlink("opt/app/data", "/media/other")), False),
    ],
)
def test_result_is_reused_when_only_modules_that_were_not_imported_change(
    entries: tuple[Entry, ...], is_reused: bool
) -> None:
    assert (run(*entries).result_key(READ) == run(*FILES).result_key(READ)) is is_reused


@pytest.mark.parametrize(
    "changes",
    [
        {"packages": ("2",)},
        {"variables": {"A": "b"}},
        {"sees_debian_modules": True},
        {"wheels": (PythonFile("django", "6", "django-6-py3-none-any.whl", "default", 9, digest.of(b"6")),)},
        {"application": replace(run(*FILES).application, directory="/opt/app")},
        {"application": replace(run(*FILES).application, writable=(WritablePath("data", True, "named"),))},
    ],
)
def test_collectstatic_runs_again_when_its_environment_changes(changes: dict[str, object]) -> None:
    assert run(*FILES, **changes).key() != run(*FILES).key()
