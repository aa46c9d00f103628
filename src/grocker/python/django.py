"""Detect Django projects from a wheel's files; nothing is imported."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from grocker.regex import regex
from grocker.tar.entry import File

if TYPE_CHECKING:
    from grocker.python.installed_wheel import Wheel

_SETTINGS = regex(
    r"""(?m)^[^#\n]*?os\.environ\.setdefault\(\s*["']DJANGO_SETTINGS_MODULE["']\s*,\s*["'](?P<module>[\w.]+)["']"""
    r"""|^[^#\n]*?os\.environ\[\s*["']DJANGO_SETTINGS_MODULE["']\s*\]\s*=\s*["'](?P<module2>[\w.]+)["']"""
)
_APPLICATION = regex(r"^(?P<name>[A-Za-z_]\w*)\s*(?::[^=\n]+)?=\s*.*\bget_(?P<kind>wsgi|asgi)_application\(", re.M)


class Django(msgspec.Struct, frozen=True):
    """A Django project in a wheel."""

    settings_module: str | None
    """as named by its entry points; None when the environment decides"""
    wsgi: str | None
    """``module:object``"""
    asgi: str | None
    """``module:object``"""


def find_django(wheel: Wheel) -> Django | None:
    """The Django project in a wheel; of several, the one with the outermost settings module."""
    found = find_django_projects(wheel)
    return min(found, key=lambda django: (django.wsgi is None, _height(django), str(django)), default=None)


def _height(django: Django) -> int:
    return (django.settings_module or django.wsgi or django.asgi or "").count(".")


def find_django_projects(wheel: Wheel) -> tuple[Django, ...]:
    """Every Django project of a wheel, by settings module.

    Detected by a ``wsgi.py`` or ``asgi.py`` that calls ``get_wsgi_application`` of Django, or by ``manage.py``. Modules
    that leave the settings to the environment belong to the project that the others name, if these name one.
    """
    prefix = wheel.site + "/"
    found: dict[str | None, dict[str, str]] = {}
    for entry in sorted(wheel.entries, key=lambda entry: entry.path):
        name = entry.path.rpartition("/")[2]
        if (
            not isinstance(entry, File)
            or not isinstance(entry.data, bytes)
            or not entry.path.startswith(prefix)
            or name not in ("wsgi.py", "asgi.py", "manage.py", "__main__.py")
        ):
            continue
        text = entry.data.decode("utf-8", "replace")
        settings = _SETTINGS.search(text)
        module = entry.path.removeprefix(prefix).removesuffix(".py").replace("/", ".")
        chosen = (settings["module"] or settings["module2"]) if settings else None
        application = _APPLICATION.search(text)
        if application:
            found.setdefault(chosen, {}).setdefault(application["kind"], f"{module}:{application['name']}")
        elif settings and name in ("manage.py", "__main__.py"):
            found.setdefault(chosen, {})
    named = [module for module in found if module is not None]
    if len(named) == 1 and None in found:
        found[named[0]] = {**found.pop(None), **found[named[0]]}
    return tuple(
        Django(settings, kinds.get("wsgi"), kinds.get("asgi"))
        for settings, kinds in sorted(found.items(), key=lambda item: item[0] or "")
    )
