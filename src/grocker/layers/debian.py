"""The layer of Debian packages, each fetched, read and compressed once; and the interpreter in them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, wait
from pathlib import Path

import msgspec

from grocker import debian
from grocker.context import Context, download
from grocker.layers.workers import Workers
from grocker.lock.answers import DebianAnswer
from grocker.lock.values import DebianPackage
from grocker.plan.layers import has_debian_python, interpreter_key, is_interpreter
from grocker.platforms.suites import LOCALES
from grocker.python import InterpreterTree
from grocker.tar import member as members
from grocker.tar.entry import Entry
from grocker.tar.keys import cache_key
from grocker.tar.member import Member


class DebianPackages:
    """The packages of one image."""

    def __init__(
        self, context: Context, workers: Workers, answer: DebianAnswer, *, epoch: int, locales: Sequence[str] = ()
    ) -> None:
        """``epoch``: seconds since 1970, the time of every file. ``locales``: those in the image; none: all."""
        self._context = context
        self._store = context.store
        self._workers = workers
        self._epoch = epoch
        self._locales = tuple(sorted(locales))
        self.answer = answer
        self._packages = answer.packages
        self._mirrors = answer.mirrors
        self._interpreter: dict[str, tuple[Entry, ...]] = {}
        """by sha256 what was read of a package and will be unpacked to compile with"""
        self._modules: dict[str, tuple[Entry, ...]] = {}
        """by sha256 what was read of a package and will be compiled"""
        self._members: dict[str, Future[Member]] = {}

    def begin(self, *, unpack_interpreter: bool = False) -> None:
        """Start fetching and compressing what is not in the store; the interpreter's packages first, then large ones.

        ``unpack_interpreter``: whether to unpack the interpreter in between, before an engine keeps the disk busy.
        """
        if self._members:
            return
        order = sorted(self._packages, key=lambda p: (not is_interpreter(p), -p.size))
        for package in order:
            if members.find_member(self._store, self._key(package)) is None:
                self._workers.transfers.submit(self._file, package)
        unpacks = unpack_interpreter and self._store.tree(self.interpreter_key) is None
        for package in order:
            if unpacks and not is_interpreter(package):
                self._workers.processors.submit(self._tree)
                unpacks = False
            self._members[package.sha256] = self._workers.processors.submit(self._member, package)

    def wait(self) -> None:
        """Wait until everything that was started is done, successfully or not."""
        wait(self._members.values())

    def members(self) -> tuple[Member, ...]:
        """Return every package's member, by name; of two packages with one path the replacing one has it."""
        self.begin()
        made = [(p, self._members[p.sha256].result()) for p in self._packages]
        return tuple(self._without_replaced(made))

    def facts(self) -> tuple[debian.Facts, ...]:
        """Return what static configuration needs of each package, in the order of their names."""
        return tuple(_facts(m) for m in self.members())

    @property
    def interpreter_key(self) -> str:
        """The key of the interpreter in these packages."""
        return interpreter_key(self._packages)

    def interpreter(self, python: str) -> InterpreterTree:
        """Return the interpreter in these packages, unpacked on the host; ``python`` is its release series."""
        return InterpreterTree(self._tree(), python, self.architecture)

    @property
    def architecture(self) -> str:
        """Debian's name of the architecture that they are for."""
        return next(p.architecture for p in self._packages if p.architecture != "all")

    @property
    def has_debian_python(self) -> bool:
        """Whether ``/usr/bin/python3`` is among them."""
        return has_debian_python(self._packages)

    def _tree(self) -> Path:
        store = self._store
        name = self.interpreter_key
        with store.lock(f"tree-{name}"):
            tree = store.tree(name)
            if tree is None:
                with store.new_tree(name) as new:
                    self.unpack_interpreter(new)
                tree = store.tree(name)
        assert tree is not None
        return tree

    def unpack_interpreter(self, tree: Path) -> None:
        """Unpack what Debian's interpreter needs to compile; of a standalone one, the C library and others."""
        from grocker.tar.unpack import unpack

        for package in filter(is_interpreter, self._packages):
            begun = self._members.get(package.sha256)
            if begun is not None:
                # It is being read already, and what is needed of it is held.
                begun.result()
            held = self._interpreter.pop(package.sha256, None)
            unpack(held if held is not None else _needed_to_compile(package, self._read(package).entries), tree)

    def zones(self) -> frozenset[str]:
        """Return the names of all time zones in these packages."""
        owners = [package for package in self._packages if package.name.startswith("tzdata")]
        paths = (path for package in owners for path in self._member(package).paths)
        return frozenset(path.removeprefix(_ZONES) for path in paths if path.startswith(_ZONES))

    def with_modules(self) -> list[DebianPackage]:
        """Return the packages with Python modules, which Debian's maintainer scripts would compile."""
        pairs = zip(self._packages, self.members(), strict=True)
        return [package for package, own in pairs if any(map(is_module, own.paths))]

    def read_modules(self, package: DebianPackage) -> tuple[Entry, ...]:
        """Read the package's Python modules."""
        held = self._modules.pop(package.sha256, None)
        return held if held is not None else _modules(self._read(package).entries)

    def _file(self, package: DebianPackage) -> Path:
        return download(
            self._context,
            f"{self._mirrors[package.suite]}/{package.filename}",
            digest=package.sha256,
            size=package.size,
            what=f"{package.name} {package.version}",
        )

    def _read(self, package: DebianPackage) -> debian.UnpackedPackage:
        return unpack_package(self._file(package), package, self._locales)

    def _member(self, package: DebianPackage) -> Member:
        store, epoch = self._store, self._epoch
        name = self._key(package)

        def making() -> Member:
            read = self._read(package)
            if is_interpreter(package):
                self._interpreter[package.sha256] = _needed_to_compile(package, read.entries)
            self._modules[package.sha256] = _modules(read.entries)
            subject = f"{package.name} {package.version}"
            note = msgspec.json.encode(read.facts)
            return members.make_member(store, name, read.entries, subject=subject, epoch=epoch, note=note)

        return members.find_or_make(store, name, making)

    def _without_replaced(self, made: Sequence[tuple[DebianPackage, Member]]) -> list[Member]:
        """A file that another package replaces (Policy 7.6.1) is left out of the package that gives it up."""
        owners: dict[str, int] = {}
        lost: dict[int, set[str]] = {}
        for place, (_, member) in enumerate(made):
            for path in member.paths:
                other = owners.setdefault(path, place)
                if other == place:
                    continue
                if debian.replaces(_facts(member), _facts(made[other][1])):
                    owners[path] = place
                    lost.setdefault(other, set()).add(path)
                elif debian.replaces(_facts(made[other][1]), _facts(member)):
                    lost.setdefault(place, set()).add(path)
        result = [member for _, member in made]
        for place, paths in lost.items():
            package, member = made[place]
            name = self._key(package, *sorted(paths))
            smaller = members.find_member(self._store, name)
            if smaller is None:
                entries = [e for e in self._read(package).entries if e.path not in paths]
                smaller = members.make_member(
                    self._store,
                    name,
                    entries,
                    subject=member.subject,
                    epoch=self._epoch,
                    note=bytes(member.note),
                )
            result[place] = smaller
        return result

    def _key(self, package: DebianPackage, *without: str) -> str:
        cut = [{"locales": self._locales}] if self._locales and package.name == LOCALES else []
        return cache_key("package", package.sha256, self._epoch, *without, *cut)


_ZONES = "usr/share/zoneinfo/"


def unpack_package(file: Path, package: DebianPackage, locales: Sequence[str]) -> debian.UnpackedPackage:
    """Read a package; of the one with all locales only ``locales``, if any is named."""
    read = debian.unpack(file, name=f"{package.name} {package.version}")
    return debian.choose_locales(read, locales) if locales and package.name == LOCALES else read


def _facts(member: Member) -> debian.Facts:
    return msgspec.json.decode(member.note, type=debian.Facts)


def _needed_to_compile(package: DebianPackage, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Half of the interpreter's files: the rest of its library is modules, and the C library's own codecs."""
    if package.name.endswith("-stdlib"):
        return tuple(e for e in entries if "/lib-dynload/" in e.path)  # codecs of source files, names of characters
    return tuple(e for e in entries if "/gconv/" not in e.path)


def _modules(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries if is_module(entry.path))


def is_module(path: str) -> bool:
    """Tell whether a path is a module of Debian's own Python, which its maintainer scripts would compile."""
    return path.endswith(".py") and path.startswith(("usr/lib/python3", "usr/share/python3/"))
