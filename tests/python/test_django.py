from __future__ import annotations

from pathlib import Path

from grocker.python import Django, InstallScheme, find_django, read_wheel
from grocker.python.django import find_django_projects
from grocker.python.installed_wheel import Wheel
from tests.support.wheels import Files, make_wheel

WSGI = """
import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{0}.settings")
application = get_wsgi_application()
"""


def wheel(tmp_path: Path, files: Files) -> Wheel:
    return read_wheel(make_wheel(tmp_path, files=files), InstallScheme("3.13"))


def test_django_is_found_by_its_wsgi_and_asgi_modules(tmp_path: Path) -> None:
    asgi = WSGI.format("site").replace("wsgi", "asgi").replace("application = ", "app: object = ")
    found = find_django(wheel(tmp_path, {"site/wsgi.py": WSGI.format("site"), "site/asgi.py": asgi}))
    assert found == Django("site.settings", "site.wsgi:application", "site.asgi:app")


def test_django_is_found_by_manage_when_there_is_no_wsgi(tmp_path: Path) -> None:
    text = 'import os\nos.environ["DJANGO_SETTINGS_MODULE"] = "site.conf"\n'
    assert find_django(wheel(tmp_path, {"manage.py": text})) == Django("site.conf", None, None)


def test_settings_are_those_of_manage_when_wsgi_leaves_them_to_the_environment(tmp_path: Path) -> None:
    bare = "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
    manage = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "site.conf")\n'
    found = find_django_projects(wheel(tmp_path, {"manage.py": manage, "site/wsgi.py": bare}))
    assert found == (Django("site.conf", "site.wsgi:application", None),)


def test_django_of_several_is_the_highest(tmp_path: Path) -> None:
    files = {f"{path}/wsgi.py": WSGI.format(path.replace("/", ".")) for path in ("a/example/site", "main")}
    made = wheel(tmp_path, files)
    assert [django.settings_module for django in find_django_projects(made)] == [
        "a.example.site.settings",
        "main.settings",
    ]
    found = find_django(made)
    assert found is not None
    assert found.wsgi == "main.wsgi:application"


def test_django_is_not_found_when_a_wsgi_module_is_something_else(tmp_path: Path) -> None:
    assert find_django(wheel(tmp_path, {"a/wsgi.py": "def application(environ, start): ...\n"})) is None


def test_settings_module_in_a_comment_does_not_count(tmp_path: Path) -> None:
    text = '# os.environ["DJANGO_SETTINGS_MODULE"] = "other.settings"\n' + WSGI.format("site")
    found = find_django(wheel(tmp_path, {"site/wsgi.py": text}))
    assert found is not None
    assert found.settings_module == "site.settings"
