"""Imports, in the wheels of an image, of modules that the library of its Python has lost, or that nothing brings.

Only wheels without compiled modules are read: those with them were built for the Python that their names tell.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grocker.digest import Digest
from grocker.inputs.application import Application
from grocker.inputs.removed_imports import IMPORT, RemovedImport
from grocker.lock.values import PythonFile
from grocker.platforms.removed_modules import ALL, UNDECLARED, modules_of, removed_modules
from grocker.store import Store
from grocker.tar.keys import cache_key

if TYPE_CHECKING:
    from zipfile import ZipFile

    from grocker.python.wheel_archive import ZipMember

_FORMAT = 2
"""part of the cache keys: raise it if the same wheels would give something else"""
_PURE = "-none-any.whl"
_SCRIPTS = frozenset({"console_scripts"})
_LARGEST = 1 << 22
"""bytes of a module: what is larger is data"""


class _Facts(msgspec.Struct, frozen=True):
    """What a wheel has to do with the modules that some Python has lost."""

    imports: dict[str, tuple[str, ...]]
    """by path of a module those that it imports unconditionally"""
    brings: tuple[str, ...]


class _Known(msgspec.Struct, frozen=True):
    """The facts of several wheels, by sha256; those that say nothing are left out."""

    wheels: dict[Digest, _Facts]


def find_wheel_imports(
    store: Store,
    application: Application,
    files: Sequence[PythonFile],
    series: str,
    fetch: Callable[[PythonFile], Path],
) -> tuple[RemovedImport, ...]:
    """Return the imports that fail on a Python, in wheels' modules that the application's imports lead to.

    ``files``: the wheels beside the application; ``series``: Python's, ``3.13``; ``fetch`` returns one of them, and is
    called, in several threads, for those of which nothing is kept. Raises what it raises, and CorruptError.
    """
    lost = removed_modules(series) | UNDECLARED.keys()
    pure = sorted(file for file in files if file.file.endswith(_PURE))
    if not pure:
        return ()
    facts = _facts(store, pure, fetch)
    brought = {module for file in files for module in modules_of(file.name, file.version)}
    lost -= brought | {module for one in facts.values() for module in one.brings}
    lacking = {
        (sha256, path): sorted(lost.intersection(names))
        for sha256, one in facts.items()
        for path, names in one.imports.items()
        if not lost.isdisjoint(names)
    }
    if not lacking:
        return ()
    starts = sorted(set(_starts(application)))
    key = cache_key("imports of wheels", _FORMAT, [file.sha256 for file in pure], series, starts)
    kept = store.kept_as("steps", key, tuple[RemovedImport, ...])
    if kept is not None:
        return kept
    from contextlib import ExitStack

    from grocker.python.wheel import open_wheel

    with ExitStack() as stack:
        opened = [(file, stack.enter_context(open_wheel(fetch(file), file.file))) for file in pure]
        reached = _Modules(opened).reached(starts)
    by_digest = {file.sha256: file for file in pure}
    found = tuple(
        RemovedImport(f"{path} of {by_digest[sha256].name} {by_digest[sha256].version}", name, series)
        for (sha256, path), names in sorted(lacking.items(), key=lambda one: (by_digest[one[0][0]], one[0][1]))
        for name in names
        if (sha256, path) in reached
    )
    store.keep("steps", key, msgspec.json.encode(found))
    return found


def _facts(store: Store, files: Sequence[PythonFile], fetch: Callable[[PythonFile], Path]) -> Mapping[Digest, _Facts]:
    """Return the facts of wheels; those of all together are kept as well, because it is one file to read."""
    key = cache_key("removed imports", _FORMAT, sorted(ALL), [file.sha256 for file in files])
    kept = store.kept_as("steps", key, _Known)
    if kept is not None:
        return kept.wheels
    from concurrent.futures import ThreadPoolExecutor

    from grocker.python.wheel import open_wheel

    def read(file: PythonFile) -> _Facts:
        own = cache_key("removed imports", _FORMAT, sorted(ALL), file.sha256)
        known = store.kept_as("steps", own, _Facts)
        if known is None:
            with open_wheel(fetch(file), file.file) as archive:
                known = _read_facts(archive, file)
            store.keep("steps", own, msgspec.json.encode(known))
        return known

    with ThreadPoolExecutor(8, thread_name_prefix="wheels") as pool:
        found = zip(files, pool.map(read, files), strict=True)
        wheels = {file.sha256: one for file, one in found if one.imports or one.brings}
    store.keep("steps", key, msgspec.json.encode(_Known(wheels)))
    return wheels


def _read_facts(archive: ZipFile, file: PythonFile) -> _Facts:
    from grocker.python.module_imports import parse, unconditional_imports

    imports, brings = {}, set()
    for member in _sources(archive, file):
        path, data = member.name, _read(archive, member, file)
        top, slash, rest = path.partition("/")
        if top.removesuffix(".py") in ALL and (not slash or rest == "__init__.py"):
            brings.add(top.removesuffix(".py"))
        if IMPORT.search(b"\n" + data):
            module = parse(data)
            names = unconditional_imports(module) & ALL if module is not None else None
            if names:
                imports[path] = tuple(sorted(names))
    return _Facts(imports, tuple(sorted(brings)))


def _sources(archive: ZipFile, file: PythonFile) -> Iterator[ZipMember]:
    from grocker.python import wheel_archive

    for path, member in wheel_archive.members(archive, file.file).items():
        if path.endswith(".py") and member.size <= _LARGEST:
            yield member


def _scripts(archive: ZipFile, file: PythonFile) -> Iterator[tuple[str, str]]:
    """Yield the console scripts of a wheel, and the module that each one loads."""
    from grocker.python import wheel_archive
    from grocker.python.metadata import parse_entry_points

    for path, member in wheel_archive.members(archive, file.file).items():
        if path.endswith(".dist-info/entry_points.txt") and member.size <= _LARGEST:
            points = parse_entry_points(_read(archive, member, file), file.file, _SCRIPTS)
            yield from ((point.name, point.module) for point in points if point.group in _SCRIPTS)


def _read(archive: ZipFile, member: ZipMember, file: PythonFile) -> bytes:
    from grocker.python import wheel_archive

    return b"".join(wheel_archive.chunks(archive, member, file.file))


def _starts(application: Application) -> Iterator[str]:
    """Yield the names by which the application and its services load modules, and start scripts, of others."""
    from grocker.inputs.own_modules import OwnModules, words
    from grocker.python.module_imports import line_imports, parse, strings

    own = OwnModules(application)
    is_django = application.django_settings_module is not None
    for text in own.commands():
        yield from words(text)
    for requirement in application.services.servers:
        yield requirement.partition("[")[0]
    for path in own.reached():
        data = own.texts[path]
        yield from line_imports(data, "")
        if is_django and b"INSTALLED_APPS" in data and (module := parse(data)) is not None:
            for name in strings(module):  # Django's loader of applications
                yield from (name, f"{name}.apps", f"{name}.models")


class _Modules:
    """The modules of wheels, by dotted name, and those that their console scripts load."""

    def __init__(self, wheels: Iterable[tuple[PythonFile, ZipFile]]) -> None:
        self._places: dict[str, tuple[ZipFile, ZipMember, PythonFile]] = {}
        self._scripts: dict[str, str] = {}
        for file, archive in wheels:
            self._scripts.update(_scripts(archive, file))
            for member in _sources(archive, file):
                name = member.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                self._places.setdefault(name, (archive, member, file))

    def reached(self, names: Collection[str]) -> frozenset[tuple[Digest, str]]:
        """Return the sha256 and path of each module that is loaded with those, or the scripts, of these names."""
        from grocker.python.module_imports import line_imports

        waiting = [*names, *(self._scripts[name] for name in names if name in self._scripts)]
        seen = set(waiting)
        reached: set[tuple[Digest, str]] = set()
        while waiting:
            parts = waiting.pop().split(".")
            for number in range(len(parts)):
                place = self._places.pop(".".join(parts[: number + 1]), None)
                if place is None:
                    continue
                archive, member, file = place
                reached.add((file.sha256, member.name))
                package = member.name.rpartition("/")[0].replace("/", ".")
                new = set(line_imports(_read(archive, member, file), package)) - seen
                seen |= new
                waiting += new
        return frozenset(reached)
