"""The directories that a service serves under ``/static``, found in wheels by name. Contract: X1."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from grocker.config.services import Services
from grocker.errors import CorruptError, SettingsError
from grocker.lock.values import PythonFile
from grocker.runner.contract.spec import Service, is_plain, replace_fields
from grocker.store import Store
from grocker.tar.entry import File
from grocker.tar.keys import cache_key

if TYPE_CHECKING:
    from grocker.python import Wheel

NAME = "static"
_FORMAT = 1
"""part of the cache key: raise it if the same wheel would give other directories"""


class _Contents(msgspec.Struct, frozen=True):
    """The files of a wheel that can be served."""

    packages: tuple[str, ...]
    """directories with an ``__init__.py``"""
    directories: tuple[str, ...]
    """all directories with files in or below them; both below the site directory, sorted"""
    shows_top: bool = False
    """whether a directory of that name beside the packages is shown: in a source tree, not in a wheel"""


def with_static(
    store: Store,
    services: Services,
    application: Wheel,
    files: Iterable[PythonFile],
    fetch: Callable[[PythonFile], Path],
    *,
    site: str | None = None,
) -> dict[str, Service]:
    """Return the service table, each service with its directories in the image.

    ``application``: its own directories count from its site. ``files``: the other wheels of the image, which are
    installed at ``site``, by default where the application is; ``fetch`` returns one, and is called only if its
    content matters. Raises SettingsError for a directory that no wheel has.
    """
    requested = {name: _plain(given) for name, given in services.static.items()}
    if not requested:
        return dict(services.table)
    prefix = f"{application.site}/"
    files_below = (e for e in application.entries if isinstance(e, File) and e.path.startswith(prefix))
    own = _contents(entry.path.removeprefix(prefix) for entry in files_below)
    own = replace(own, shows_top=site is not None)
    needed = any(isinstance(given, bool) or not set(given) <= set(own.directories) for given in requested.values())
    others = [_read_contents(store, file, fetch) for file in sorted(files)] if needed else []
    table = dict(services.table)
    for name, given in requested.items():
        found = _find_directories(name, given, [own, *others])
        elsewhere = site or application.site
        places = (f"/{application.site if one in own.directories else elsewhere}/{one}" for one in found)
        table[name] = replace_fields(table[name], static=tuple(places))
    return table


def _plain(given: tuple[str, ...] | bool) -> tuple[str, ...] | bool:
    return given if isinstance(given, bool) else tuple(path.rstrip("/") for path in given)


def _find_directories(name: str, given: tuple[str, ...] | bool, wheels: Sequence[_Contents]) -> list[str]:
    if not isinstance(given, bool):
        there = {directory for one in wheels for directory in one.directories}
        for directory in given:
            if directory not in there:
                raise SettingsError(
                    f"services.{name}.static: no installed package has a directory {directory!r}",
                    hint="name it as it is installed, for example mysite/static, and check that the wheel has it",
                )
        return list(given)
    top = [NAME] if any(NAME in one.directories and one.shows_top for one in wheels) else []
    found = top + [
        f"{package}/{NAME}"
        for one in wheels
        for package in one.packages
        if f"{package}/{NAME}" in one.directories and is_plain(package)
    ]
    if not found:
        raise SettingsError(
            f"services.{name}.static: no installed package has a directory {NAME!r}",
            hint="name the directories, or remove the setting",
        )
    return found


def _read_contents(store: Store, file: PythonFile, fetch: Callable[[PythonFile], Path]) -> _Contents:
    """Read the contents of a wheel; kept in the store."""
    from zipfile import BadZipFile, ZipFile

    identity = cache_key("static files", _FORMAT, file.sha256)
    kept = store.kept_as("steps", identity, _Contents)
    if kept is not None:
        return kept
    try:
        with ZipFile(fetch(file)) as opened:
            found = _contents(_installed(name) for name in opened.namelist())
    except BadZipFile as error:
        raise CorruptError(f"reading {file.file}: {error}", hint="remove it from the cache and build again") from error
    store.keep("steps", identity, msgspec.json.encode(found))
    return found


def _installed(name: str) -> str:
    """The path below the site directory (binary distribution format, "The .data directory"); empty: elsewhere."""
    top, slash, rest = name.partition("/")
    if not (slash and top.endswith(".data")):
        return name
    scheme, _, path = rest.partition("/")
    return path if scheme in ("purelib", "platlib") else ""


def _contents(paths: Iterable[str]) -> _Contents:
    packages, directories = set(), set()
    for path in paths:
        parent, slash, name = path.rpartition("/")
        if not slash or not name:
            continue
        if name == "__init__.py":
            packages.add(parent)
        while parent and parent not in directories:
            directories.add(parent)
            parent = parent.rpartition("/")[0]
    return _Contents(tuple(sorted(packages)), tuple(sorted(directories)))
