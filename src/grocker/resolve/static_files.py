"""The directories that a service shows as ``/static``: found in wheels, by their names alone. Contract: X1."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import msgspec

from grocker.config.services import Services
from grocker.errors import CorruptError, SettingsError
from grocker.lock.values import PythonFile
from grocker.python import Wheel
from grocker.runner.contract.spec import Service, is_plain, showing
from grocker.store import Store
from grocker.tar.entry import File
from grocker.tar.keys import cache_key

NAME = "static"
_FORMAT = 1
"""goes into step keys: raised when the same wheel would give other directories"""


class _Contents(msgspec.Struct, frozen=True):
    """What can be shown of a wheel."""

    packages: tuple[str, ...]
    """directories with an ``__init__.py``"""
    directories: tuple[str, ...]
    """all directories with files in or below them; both below the site directory, sorted"""


def with_static(
    store: Store,
    services: Services,
    application: Wheel,
    files: Iterable[PythonFile],
    fetch: Callable[[PythonFile], Path],
) -> dict[str, Service]:
    """The service table, each service with its directories in the image.

    ``files``: the other wheels of the image; ``fetch``: gives one, and is asked only if they have to be looked into.
    Raises SettingsError for a directory that no wheel has.
    """
    wanted = {name: _plain(given) for name, given in services.static.items()}
    if not wanted:
        return dict(services.table)
    own = _contents(e.path.removeprefix(f"{application.site}/") for e in application.entries if isinstance(e, File))
    needed = any(isinstance(given, bool) or not set(given) <= set(own.directories) for given in wanted.values())
    others = [_of(store, file, fetch) for file in sorted(files)] if needed else []
    table = dict(services.table)
    for name, given in wanted.items():
        found = _found(name, given, [own, *others])
        places = tuple(f"/{application.site}/{directory}" for directory in found)
        table[name] = showing(table[name], places)
    return table


def _plain(given: tuple[str, ...] | bool) -> tuple[str, ...] | bool:
    return given if isinstance(given, bool) else tuple(path.rstrip("/") for path in given)


def _found(name: str, given: tuple[str, ...] | bool, wheels: Iterable[_Contents]) -> list[str]:
    if not isinstance(given, bool):
        there = {directory for one in wheels for directory in one.directories}
        for directory in given:
            if directory not in there:
                raise SettingsError(
                    f"services.{name}.static: no package that is installed has a directory {directory}",
                    hint="name one as it is installed, as mysite/static; is it in the wheel?",
                )
        return list(given)
    found = [
        f"{package}/{NAME}"
        for one in wheels
        for package in one.packages
        if f"{package}/{NAME}" in one.directories and is_plain(package)
    ]
    if not found:
        raise SettingsError(
            f"services.{name}.static: no package that is installed has a directory {NAME}",
            hint="name the directories, or leave static out",
        )
    return found


def _of(store: Store, file: PythonFile, fetch: Callable[[PythonFile], Path]) -> _Contents:
    """A wheel's, kept from then on."""
    identity = cache_key("static files", _FORMAT, file.sha256)
    kept = store.kept("steps", identity)
    if kept is not None:
        return msgspec.json.decode(kept, type=_Contents)
    try:
        with ZipFile(fetch(file)) as opened:
            found = _contents(_installed(name) for name in opened.namelist())
    except BadZipFile as error:
        raise CorruptError(f"reading {file.file}: {error}", hint="fetch it again") from error
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
