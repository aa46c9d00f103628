"""Imports, in the wheels of an image, of modules that the library of its Python has lost.

Only wheels without compiled modules are read: those with them were built for the Python that their names tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import msgspec

from grocker.digest import Digest
from grocker.errors import CorruptError
from grocker.inputs.application import Application
from grocker.inputs.removed_imports import IMPORT, RemovedImport
from grocker.lock.values import PythonFile
from grocker.platforms.removed_modules import ALL, modules_of, removed_modules
from grocker.store import Store
from grocker.tar.keys import cache_key

_FORMAT = 1
"""part of the cache keys: raise it if the same wheels would give something else"""
_PURE = "-none-any.whl"
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
    lost = removed_modules(series)
    pure = sorted(file for file in files if file.file.endswith(_PURE))
    if not lost or not pure:
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
    with ExitStack() as stack:
        modules = _Modules([(file, stack.enter_context(_opened(file, fetch))) for file in pure])
        reached = modules.reached(starts)
        found = tuple(
            RemovedImport(f"{path} of {file.name} {file.version}", name, series)
            for file in pure
            for path in sorted(modules.paths(file))
            for name in lacking.get((file.sha256, path), ())
            if (file.sha256, path) in reached
        )
    store.keep("steps", key, msgspec.json.encode(found))
    return found


def _facts(store: Store, files: Sequence[PythonFile], fetch: Callable[[PythonFile], Path]) -> Mapping[Digest, _Facts]:
    """Return the facts of wheels; those of all together are kept as well, because it is one file to read."""
    key = cache_key("removed imports", _FORMAT, sorted(ALL), [file.sha256 for file in files])
    kept = store.kept_as("steps", key, _Known)
    if kept is not None:
        return kept.wheels

    def read(file: PythonFile) -> _Facts:
        own = cache_key("removed imports", _FORMAT, sorted(ALL), file.sha256)
        known = store.kept_as("steps", own, _Facts)
        if known is None:
            with _opened(file, fetch) as archive:
                known = _read_facts(archive)
            store.keep("steps", own, msgspec.json.encode(known))
        return known

    with ThreadPoolExecutor(8, thread_name_prefix="wheels") as pool:
        found = zip(files, pool.map(read, files), strict=True)
        wheels = {file.sha256: one for file, one in found if one.imports or one.brings}
    store.keep("steps", key, msgspec.json.encode(_Known(wheels)))
    return wheels


def _opened(file: PythonFile, fetch: Callable[[PythonFile], Path]) -> ZipFile:
    try:
        return ZipFile(fetch(file))
    except BadZipFile as error:
        raise CorruptError(f"reading {file.file}: {error}", hint="remove it from the cache and build again") from error


def _read_facts(archive: ZipFile) -> _Facts:
    from grocker.python.module_imports import parse, unconditional_imports

    imports, brings = {}, set()
    for path, data in _sources(archive):
        top, slash, rest = path.partition("/")
        if top.removesuffix(".py") in ALL and (not slash or rest == "__init__.py"):
            brings.add(top.removesuffix(".py"))
        if IMPORT.search(b"\n" + data):
            module = parse(data)
            names = unconditional_imports(module) & ALL if module is not None else None
            if names:
                imports[path] = tuple(sorted(names))
    return _Facts(imports, tuple(sorted(brings)))


def _sources(archive: ZipFile) -> Iterator[tuple[str, bytes]]:
    for info in archive.infolist():
        if info.filename.endswith(".py") and info.file_size <= _LARGEST:
            yield info.filename, _read(archive, info.filename)


def _read(archive: ZipFile, path: str) -> bytes:
    try:
        return archive.read(path)
    except (BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError):
        return b""  # whoever installs the wheel tells


def _starts(application: Application) -> Iterator[str]:
    """Yield the dotted names by which the application and its services load modules of others."""
    from grocker.inputs.own_modules import OwnModules, words
    from grocker.python.module_imports import line_imports, parse, strings

    own = OwnModules(application)
    is_django = application.django_settings_module is not None
    for text in own.commands():
        yield from words(text)
    for path in own.reached():
        data = own.texts[path]
        yield from line_imports(data, "")
        if is_django and b"INSTALLED_APPS" in data and (module := parse(data)) is not None:
            for name in strings(module):  # Django's loader of applications
                yield from (name, f"{name}.apps", f"{name}.models")


class _Modules:
    """The modules of wheels, by dotted name."""

    def __init__(self, wheels: Iterable[tuple[PythonFile, ZipFile]]) -> None:
        self._places: dict[str, tuple[ZipFile, str, Digest]] = {}
        self._paths: dict[Digest, list[str]] = {}
        for file, archive in wheels:
            self._paths[file.sha256] = [path for path in archive.namelist() if path.endswith(".py")]
            for path in self._paths[file.sha256]:
                name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                self._places.setdefault(name, (archive, path, file.sha256))

    def paths(self, file: PythonFile) -> Sequence[str]:
        """Return the paths of a wheel's modules."""
        return self._paths[file.sha256]

    def reached(self, names: Iterable[str]) -> frozenset[tuple[Digest, str]]:
        """Return the sha256 and path of each module that is loaded with those of these names."""
        from grocker.python.module_imports import line_imports

        waiting, seen = list(names), set(names)
        reached: set[tuple[Digest, str]] = set()
        done: set[str] = set()
        while waiting:
            parts = waiting.pop().split(".")
            for number in range(len(parts)):
                name = ".".join(parts[: number + 1])
                place = self._places.get(name)
                if place is None or name in done:
                    continue
                done.add(name)
                archive, path, sha256 = place
                reached.add((sha256, path))
                package = path.rpartition("/")[0].replace("/", ".")
                new = set(line_imports(_read(archive, path), package)) - seen
                seen |= new
                waiting += new
        return frozenset(reached)
