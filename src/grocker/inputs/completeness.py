"""Whether the wheel of a project has what the application needs of the project's files."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from grocker import python
from grocker.config import command_lines
from grocker.config.services import DetectedApplication, Services
from grocker.config.settings import Settings
from grocker.errors import CorruptError
from grocker.progress import Progress
from grocker.python import flat_layout
from grocker.regex import regex
from grocker.runner.contract.spec import Service
from grocker.store import Store
from grocker.tar.entry import File
from grocker.tar.keys import cache_key

_FORMAT = 2
"""part of the cache key: raise it if the same files would give another result"""
_NO_CODE = frozenset({"setup.py", "conftest.py", "noxfile.py", "manage.py"})
"""modules beside pyproject.toml that do not belong in a wheel"""
_SERVED = ("app", "main", "wsgi", "asgi", "application", "server")
"""usual names of modules that are web applications"""
_DATA = regex(r"(?:[^/]+/)*?(?P<kind>templates|static)/")
_SERVED_DIRECTORY = regex(
    r"""\b(?:StaticFiles|Jinja2Templates)\(\s*(?:directory\s*=\s*)?(?:["'](?:\./)?(?P<path>[\w-][\w./-]*)["']"""
    r"""|Path\(\s*["'](?P<parts>[\w-][\w./-]*(?:["']\s*,\s*["'][\w.-]+)*)["']\s*\))"""
)
"""what Starlette opens relative to the working directory (Starlette, "Static Files", "Templates")"""
_KIND = regex(r"(?<![^/])(?:templates|static)/.*")
_NO_PACKAGES = frozenset({"tests", "test", "docs", "doc", "examples", "tools", "scripts"})
_ASIDE = frozenset({"tests", "test", "testing", "docs", "examples", "demos"})
"""directories, also of packages, that no service needs"""
_NO_DATA = (".py", ".pyi", ".pyx", ".pxd", ".c", ".h", ".so", ".md", ".rst", ".po", "py.typed")
"""endings of files in packages that no code opens"""


class IncompleteWheelError(CorruptError):
    """The wheel lacks files that the application needs."""

    def __init__(self, message: str, hint: str, built: python.Wheel) -> None:
        super().__init__(message, hint=hint)
        self.built = built


def check_start(installed: python.Wheel, tree: python.SourceTree, find: Callable[[], DetectedApplication]) -> None:
    """Raise IncompleteWheelError for a wheel without services whose project starts something.

    ``find``: tells what its source tree would start. A wheel that has commands is enough, unless it lacks a module
    beside its packages that is a web application.
    """
    known = {entry.path.removeprefix(f"{installed.site}/") for entry in installed.entries}
    paths = [one.path for one in tree.files]
    if "Dockerfile" not in paths and not any(_is_left_out(path, known) for path in paths):
        return
    beside = {path for path in paths if "/" not in path and path not in known}
    has_commands = any(point.group == "console_scripts" for point in installed.entry_points)
    if has_commands and beside.isdisjoint(f"{name}.py" for name in _SERVED):
        return
    found = find()
    module = (found.target or "").partition(":")[0]
    if has_commands and f"{module}.py" not in beside:
        return
    start = found.target or next((" ".join(command) for command in found.commands.values()), "")
    if start:
        raise IncompleteWheelError(
            f"the wheel of {installed.name} starts nothing, but the project's files start {start}",
            "declare a service: [tool.grocker.services.www]",
            installed,
        )


def _is_left_out(path: str, known: Collection[str]) -> bool:
    """Tell whether a file of a project is code that its wheel, which has the files in ``known``, lacks."""
    inner = path.removeprefix("src/")
    top, _, _ = inner.partition("/")
    is_code = inner.endswith(".py") and top not in _NO_CODE and top not in _NO_PACKAGES and not top.startswith("test_")
    return is_code and inner not in known and _ASIDE.isdisjoint(inner.split("/"))


def check_complete(
    installed: python.Wheel,
    tree: python.SourceTree,
    services: Services,
    django_settings_module: str | None,
    settings: Settings,
    progress: Progress,
    store: Store,
) -> None:
    """Warn of a wheel that lacks code, templates, static files or data of its project.

    ``tree``: the project. ``store``: keeps that there was nothing to look for, for projects and wheels of these
    files. Raises IncompleteWheelError if the application needs them and the settings do not insist on a package.
    """
    key = _key(installed, tree, services, django_settings_module, settings)
    if key and store.kept("steps", key) is not None:
        return
    is_certain = _check(installed, tree, services, django_settings_module, settings, progress)
    if key and is_certain:
        store.keep("steps", key, b"true")


def _key(
    installed: python.Wheel,
    tree: python.SourceTree,
    services: Services,
    django_settings_module: str | None,
    settings: Settings,
) -> str:
    """Return the key of all that the check depends on but for the content of files; empty if that is not known."""
    if not tree.shape:
        return ""
    paths = [entry.path for entry in installed.entries]
    about = (repr(services), django_settings_module or "", settings.files, settings.install or "")
    return cache_key("complete wheel", _FORMAT, tree.shape, tree.known.circumstances, installed.site, paths, *about)


def _check(
    installed: python.Wheel,
    tree: python.SourceTree,
    services: Services,
    django_settings_module: str | None,
    settings: Settings,
    progress: Progress,
) -> bool:
    """See ``check_complete``. Returns whether other content of the same files could not lead to a warning."""
    sources = [
        f.path for f in tree.files if f.place or tree.repository is None or not tree.repository.is_ignored(f.path)
    ]
    wheel = f"the wheel of {installed.name}"
    code = _find_missing_modules(installed, sources)
    data = _find_missing_data(installed, sources)
    needed = sorted({*_service_modules(installed, sources, services, django_settings_module), *code})
    others = [
        path for path in sources if not any(f"{path}/".startswith(f"{one.rstrip('/')}/") for one in settings.files)
    ]
    started = _started_files(services, others)
    if code:
        message = f"{wheel} has no module: its build back end left out {_shown(code)}"
    elif needed:
        message = f"{wheel} lacks {_shown(needed)}, which a service needs"
    elif started:
        message = f"{wheel} lacks {_shown(started)}, which the command of a service names"
    elif opened := _opened_from_project(installed, sources) if services.table else []:
        message = f"{wheel} opens {_shown(opened)} relative to the project's directory"
    elif data:
        message = f"{wheel} has no files from {_shown(data)}"
    elif named := _named_data(installed, missing := _missing_data(installed, others) if services.table else []):
        message, data = f"{wheel} lacks {_shown(named)}, which its code refers to", named
    else:
        return not missing
    table = (flat_layout.setuptools_table(sources) or flat_layout.data_table(sources)).rstrip()
    hint = f"list its packages and data in pyproject.toml; with setuptools:\n{table}"
    if settings.install is None and (needed or started or services.table):
        raise IncompleteWheelError(message, hint, installed)
    progress.warn(message, hint)
    return False


def _shown(paths: Sequence[str]) -> str:
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def _service_modules(
    installed: python.Wheel, sources: Iterable[str], services: Services, django_settings_module: str | None
) -> Iterator[str]:
    """Yield the modules of services, and Django's settings, that the project has and the wheel lacks."""
    targets = [one for service in services.table.values() if (one := _target(service))]
    known = {entry.path.removeprefix(f"{installed.site}/") for entry in installed.entries}
    own = set(sources)
    beside = {path.removesuffix("manage.py") for path in own if path.rpartition("/")[2] == "manage.py"}
    tops = ("", *sorted({"src/", *beside} - {""}))
    for module in [*(target.partition(":")[0] for target in targets), django_settings_module or ""]:
        path = module.replace(".", "/")
        forms = (f"{path}.py", f"{path}/__init__.py")
        if module and known.isdisjoint(forms):
            yield from (f"{top}{form}" for form in forms for top in tops if f"{top}{form}" in own)


def _target(service: Service) -> str | None:
    """Return what a service serves, also by a command that starts a usual server."""
    command = service.command
    if command is None:
        return service.wsgi or service.asgi
    words = next(command_lines.commands(command), ()) if isinstance(command, str) else command
    served = None if command_lines.says_more(words) else command_lines.served_application(words)
    return served[1] if served is not None else None


def _started_files(services: Services, sources: Iterable[str]) -> list[str]:
    """Return the files of the project that commands of services name, relative to its directory."""
    commands = [
        command
        for service in services.table.values()
        for command in (service.command, *service.processes.values())
        if command is not None
    ]
    lines = [command if isinstance(command, str) else " ".join(command) for command in commands]
    words = {word.strip("\"'").removeprefix("./") for line in lines for word in re.split(r"[\s=;]+", line)}
    return sorted(words.intersection(sources))


def _missing_data(installed: python.Wheel, sources: Iterable[str]) -> list[str]:
    """Return the data files in packages of the project that the wheel lacks."""
    prefix = installed.site + "/"
    files = {entry.path.removeprefix(prefix) for entry in installed.entries if isinstance(entry, File)}
    packages = {path.rpartition("/")[0] for path in files if path.endswith("/__init__.py")}
    return [
        path
        for path in sources
        for inner in (path.removeprefix("src/"),)
        if inner not in files
        and inner.partition("/")[0] in packages
        and not path.endswith(_NO_DATA)
        and path.partition("/")[0] not in _NO_PACKAGES
        and _ASIDE.isdisjoint(path.split("/"))
    ]


def _named_data(installed: python.Wheel, missing: Sequence[str]) -> list[str]:
    """Return those of the missing data files that a module of the wheel names."""
    if not missing:
        return []
    code = b"\n".join(
        one.data
        for one in installed.entries
        if isinstance(one, File) and one.path.endswith(".py") and isinstance(one.data, bytes)
    ).decode("utf-8", "replace")
    return [path for path in missing if re.search(rf"[\"'/]{re.escape(path.rpartition('/')[2])}[\"']", code)]


def _opened_from_project(installed: python.Wheel, sources: Sequence[str]) -> list[str]:
    """Return the directories of the project that modules of the wheel serve from wherever the service starts."""
    named = {
        (match["path"] or re.sub(r"""["']\s*,\s*["']""", "/", match["parts"])).rstrip("/")
        for entry in installed.entries
        if isinstance(entry, File) and entry.path.endswith(".py") and isinstance(entry.data, bytes)
        for match in _SERVED_DIRECTORY.finditer(entry.data.decode("utf-8", "replace"))
        if _ASIDE.isdisjoint(entry.path.split("/"))
    }
    return sorted(path for path in named if any(source.startswith(f"{path}/") for source in sources))


def _find_missing_modules(installed: python.Wheel, sources: Iterable[str]) -> list[str]:
    """The modules and packages (``shop/``) of a project whose wheel has none at all, sorted."""
    if any(isinstance(entry, File) and entry.path.endswith((".py", ".so")) for entry in installed.entries):
        return []
    found = set()
    for path in sources:
        top, slash, rest = path.removeprefix("src/").partition("/")
        if not slash and top.endswith(".py") and top not in _NO_CODE and not top.startswith("test_"):
            found.add(top)
        elif rest == "__init__.py" and top not in _NO_PACKAGES:
            found.add(f"{top}/")
    return sorted(found)


def _find_missing_data(installed: python.Wheel, sources: Sequence[str]) -> list[str]:
    """Directories of templates and static files (``shop/templates/``) that no file of the wheel is from, sorted."""
    beside = {path.rpartition("/")[0] for path in sources if path.endswith(".py") and path != "setup.py"}
    of: dict[str, set[str]] = {}
    for path in sources:
        found = _DATA.match(path)
        if not found or path.partition("/")[0] in _NO_PACKAGES or not _ASIDE.isdisjoint(path.split("/")):
            continue
        if path[: found.start("kind")].rstrip("/") in beside:
            of.setdefault(found[0], set()).add(path[found.start("kind") :])
    if not of:
        return []
    installed_as = {
        found[0] for entry in installed.entries if isinstance(entry, File) for found in _KIND.finditer(entry.path)
    }
    return sorted(directory for directory, files in of.items() if installed_as.isdisjoint(files))
