"""Detect from its files how a source tree is served, without importing any of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from grocker import python
from grocker.config.services import DetectedApplication
from grocker.runner.contract import names
from grocker.tar.entry import File

_WSGI = re.compile(r"^def (?P<name>application|app)\(\s*environ\s*,\s*start_response\s*\)", re.M)
_WSGI_FILES = ("wsgi", "app", "main", "application", "server")
_CELERY = re.compile(r"^(?P<name>[A-Za-z_]\w*)\s*(?::[^=\n]+)?=\s*(?:celery\.)?Celery\(", re.M)
_CELERY_FILES = ("celery", "celery_app", "celeryapp", "tasks", "worker", "app", "main", "__init__")
_STREAMLIT = re.compile(r"^(?:import|from) streamlit\b", re.M)
_STREAMLIT_FILES = ("streamlit_app", "app", "main", "Home", "home")
_STREAMLIT_OPTIONS = ("--server.headless", "true", "--browser.gatherUsageStats", "false")
_DJANGO_WSGI = "django.core.wsgi:get_wsgi_application()"


def detect(tree: python.Wheel, roots: tuple[str, ...], script: str = "") -> tuple[DetectedApplication, str | None]:
    """Detect how the tree is served, and the settings module if it is a Django project.

    ``roots``: entry paths of the directories on ``sys.path``; ``script``: the name of its only file, without ``.py``.
    """
    views = [replace(tree, site=root) for root in reversed(roots)]
    commands = {name: command for view in views for name, command in _workers(view)}
    for view in views:
        django = python.find_django(view)
        if django is not None:
            if django.wsgi is None and django.asgi is not None:
                target, kind = django.asgi, "asgi"
            else:
                target, kind = django.wsgi or _DJANGO_WSGI, "wsgi"
            found = DetectedApplication(django=True, target=target, commands=commands)
            return (replace(found, kind="asgi") if kind == "asgi" else found), django.settings_module
    for view in views:
        web = python.find_application(view, script)
        if web is not None:
            return DetectedApplication(kind=web.kind, target=web.target, commands=commands), None
    streamlit = _streamlit(tree, (*_STREAMLIT_FILES, script))
    if streamlit is not None:
        return DetectedApplication(commands={"www": streamlit, **commands}), None
    for view in views:
        for path, text in _sources(view):
            module = path.removesuffix(".py")
            match = _WSGI.search(text)
            if match and module in _WSGI_FILES:
                return DetectedApplication(target=f"{module}:{match['name']}", commands=commands), None
    if script and not commands:
        commands = {program_name(script): ("python", f"{names.APPLICATION}/{script}.py")}
    return DetectedApplication(commands=commands), None


def program_name(script: str) -> str:
    """Return the name of the service and the command that run a script: ``daily-report`` for ``daily report``."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", script).strip("-._") or "script"


def _workers(view: python.Wheel) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield Celery's worker, and its beat if the application has a schedule."""
    ranked = []
    for path, text in _sources(view):
        module = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        name = path.removesuffix(".py").rpartition("/")[2]
        match = _CELERY.search(text)
        if match and name in _CELERY_FILES and "celery" in text:
            ranked.append((_CELERY_FILES.index(name), path.count("/"), f"{module}:{match['name']}", text))
    if not ranked:
        return
    _, _, application, text = min(ranked)
    yield "worker", ("celery", "--app", application, "worker", "--loglevel", "INFO")
    if "beat_schedule" in text:
        schedule = ("--schedule", "/tmp/celerybeat-schedule", "--pidfile", "")  # noqa: S108 - the container's own
        yield "beat", ("celery", "--app", application, "beat", "--loglevel", "INFO", *schedule)


def _streamlit(tree: python.Wheel, files: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the command of a Streamlit page, None if there is none."""
    found: Mapping[str, str] = dict(_sources(tree))
    for name in files:
        if _STREAMLIT.search(found.get(f"{name}.py", "")):
            port = str(names.APPLICATION_PORT)
            listens = ("--server.port", port, "--server.address", "0.0.0.0")  # noqa: S104 - of the container
            return ("streamlit", "run", f"{name}.py", *listens, *_STREAMLIT_OPTIONS)
    return None


def _sources(view: python.Wheel) -> Iterator[tuple[str, str]]:
    """Yield each Python file of the tree: its path below the root, and its text."""
    prefix = view.site + "/"
    for entry in view.entries:
        if isinstance(entry, File) and entry.path.startswith(prefix) and entry.path.endswith(".py"):
            data = entry.data if isinstance(entry.data, bytes) else b""
            yield entry.path.removeprefix(prefix), data.decode("utf-8", "replace")
