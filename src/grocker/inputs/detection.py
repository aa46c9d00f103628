"""Detect from its files how a source tree is served, without importing any of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from msgspec.structs import replace

from grocker import python
from grocker.config.services import DetectedApplication
from grocker.regex import regex
from grocker.runner.contract import names
from grocker.tar.entry import File

_WSGI = regex(r"^def (?P<name>application|app)\(\s*environ\s*,\s*start_response\s*\)", re.M)
_WSGI_FILES = ("wsgi", "app", "main", "application", "server")
_CELERY = regex(r"^(?P<name>[A-Za-z_]\w*)\s*(?::[^=\n]+)?=\s*(?:celery\.)?Celery\(", re.M)
_CELERY_FILES = ("celery", "celery_app", "celeryapp", "tasks", "worker", "app", "main", "__init__")
_SCHEDULE = regex(r"beat_schedule\b|BEAT_SCHEDULE\b|\badd_periodic_task\(")
_STREAMLIT = regex(r"^(?:import|from) streamlit\b", re.M)
_STREAMLIT_CALL = regex(r"^(?:with )?(?:st|streamlit)\.[a-z]|^if __name__ ==", re.M)
"""what a page does, unlike a module that it imports"""
_STREAMLIT_FILES = ("streamlit_app", "app", "main", "Home", "home")
_STREAMLIT_OPTIONS = ("--server.headless", "true", "--browser.gatherUsageStats", "false")
_GRADIO = regex(r"^(?:import|from) gradio\b", re.M)
_GRADIO_LAUNCH = regex(r"\.launch\(")
_GRADIO_FILES = ("app", "main", "demo", "gradio_app", "run", "webui")
_FLASK_APP = regex(r"^\s*(?:export\s+)?(?:FLASK|QUART)_APP\s*=\s*[\"']?(?P<name>[^\"'#\s]+)", re.M)
_PAGE_DEPTH = 2
"""directories in which the script of a page may be"""
_ASIDE = frozenset({"tests", "test", "docs", "examples", "example"})
_DJANGO_WSGI = "django.core.wsgi:get_wsgi_application()"


def find_roots(paths: Collection[str]) -> Iterator[str]:
    """Yield the directories that are on ``sys.path`` beside the top: ``src``, and that of a ``manage.py`` below.

    If there is a ``manage.py`` at the top too, Django's settings decide.

    ``paths``: of the tree's files, relative to its top.
    """
    if "src/__init__.py" not in paths and any(
        path.startswith("src/") and path.endswith(".py") and path.count("/") <= 2 for path in paths
    ):
        yield "src"
    below = [path for path in paths if path.endswith("/manage.py") and _ASIDE.isdisjoint(path.split("/"))]
    below.sort(key=lambda path: (path.count("/"), path))
    if not below or below[0] == "src/manage.py":
        return
    inner = below[0].removesuffix("manage.py")
    if "manage.py" not in paths or (_has_settings(paths, inner) and not _has_settings(paths, "")):
        yield inner.rstrip("/")


def _has_settings(paths: Collection[str], directory: str) -> bool:
    """Tell whether a package directly in ``directory``, which ends with a slash, has Django's settings."""
    form = re.compile(re.escape(directory) + r"[^/]+/settings(?:\.py|/__init__\.py)")
    return any(form.fullmatch(path) for path in paths)


def detect(
    tree: python.Wheel, roots: tuple[str, ...], *, flask_app: str | None = None, script: str = ""
) -> tuple[DetectedApplication, str | None]:
    """Detect how the tree is served, and the settings module if it is a Django project.

    ``roots``: entry paths of the directories on ``sys.path``; ``flask_app``: ``FLASK_APP`` as the settings give it, or
    else that of ``.flaskenv`` counts; ``script``: the name of the tree's only file, without ``.py``.
    """
    code = [entry for entry in tree.entries if _ASIDE.isdisjoint(entry.path.split("/")[2:])]
    views = [replace(tree, site=root, entries=tuple(code)) for root in reversed(roots)]
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
    web = next(_web(tree, views, flask_app), None)
    if web is not None:
        return DetectedApplication(kind=web.kind, target=web.target, commands=commands), None
    own = replace(tree, entries=tuple(code))
    page = _streamlit(own, (*_STREAMLIT_FILES, script)) or _gradio(own, (*_GRADIO_FILES, script))
    if page is not None:
        return DetectedApplication(commands={"www": page, **commands}), None
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


def _web(tree: python.Wheel, views: list[python.Wheel], flask_app: str | None) -> Iterator[python.WebApplication]:
    """Yield web applications, the one to serve first: the one that ``FLASK_APP`` names, or else the one found."""
    named = flask_app or _flaskenv(tree)
    for view in views if named else ():
        web = python.find_named_application(view, named or "")
        if web is not None:
            yield web
    for any_file in (False, True):
        for view in views:
            web = python.find_application(view, any_file=any_file)
            if web is not None:
                yield web


def _flaskenv(tree: python.Wheel) -> str | None:
    """Return what ``.flaskenv`` says of ``FLASK_APP``."""
    for entry in tree.entries:
        if entry.path == f"{tree.site}/.flaskenv" and isinstance(entry, File) and isinstance(entry.data, bytes):
            match = _FLASK_APP.search(entry.data.decode("utf-8", "replace"))
            return match["name"] if match else None
    return None


def _workers(view: python.Wheel) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield Celery's worker, and its beat if the application has a schedule."""
    ranked = []
    scheduled = False
    for path, text in _sources(view):
        scheduled = scheduled or _SCHEDULE.search(text) is not None
        module = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        name = path.removesuffix(".py").rpartition("/")[2]
        match = _CELERY.search(text)
        if match and name in _CELERY_FILES and "celery" in text:
            ranked.append((_CELERY_FILES.index(name), path.count("/"), f"{module}:{match['name']}", text))
    if not ranked:
        return
    _, _, application, _ = min(ranked)
    yield "worker", ("celery", "--app", application, "worker", "--loglevel", "INFO")
    if scheduled:
        schedule = ("--schedule", "/tmp/celerybeat-schedule", "--pidfile", "")  # noqa: S108 - the container's own
        yield "beat", ("celery", "--app", application, "beat", "--loglevel", "INFO", *schedule)


def _streamlit(tree: python.Wheel, files: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the command of a Streamlit page, None if there is none."""
    texts = dict(_sources(tree))
    importing = [path for path, text in texts.items() if _STREAMLIT.search(text) and "pages" not in path.split("/")]
    path = _page(importing, files) or _page([path for path in importing if _STREAMLIT_CALL.search(texts[path])])
    if path is None:
        return None
    port = str(names.APPLICATION_PORT)
    listens = ("--server.port", port, "--server.address", "0.0.0.0")  # noqa: S104 - of the container
    return ("streamlit", "run", path, *listens, *_STREAMLIT_OPTIONS)


def _gradio(tree: python.Wheel, files: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the command of a script that launches a Gradio page, None if there is none."""
    launching = [path for path, text in _sources(tree) if _GRADIO.search(text) and _GRADIO_LAUNCH.search(text)]
    path = _page(launching, files) or _page(launching)
    if path is None:
        return None
    listens = ("GRADIO_SERVER_NAME=0.0.0.0", f"GRADIO_SERVER_PORT={names.APPLICATION_PORT}")
    return ("env", *listens, "GRADIO_ANALYTICS_ENABLED=False", "python", path)


def _page(paths: Collection[str], files: Sequence[str] = ()) -> str | None:
    """Return the outermost script, and of several the first of ``files``, names without ``.py``.

    ``files``: the names that count; none: all. None if there is none, or more than one candidate.
    """
    ranked = []
    for path in paths:
        name = path.removesuffix(".py").rpartition("/")[2]
        if path.count("/") <= _PAGE_DEPTH and (not files or name in files):
            ranked.append(((path.count("/"), files.index(name) if files else 0), path))
    best = [path for rank, path in ranked if rank == min(ranked)[0]]
    return best[0] if len(best) == 1 else None


def _sources(view: python.Wheel) -> Iterator[tuple[str, str]]:
    """Yield each Python file of the tree: its path below the root, and its text."""
    prefix = view.site + "/"
    for entry in view.entries:
        if isinstance(entry, File) and entry.path.startswith(prefix) and entry.path.endswith(".py"):
            data = entry.data if isinstance(entry.data, bytes) else b""
            yield entry.path.removeprefix(prefix), data.decode("utf-8", "replace")
