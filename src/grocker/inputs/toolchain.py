"""The roots that sdists are compiled and build commands run in: the image's suite and interpreter, a compiler, more."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from grocker import debian
from grocker.config.settings import Settings
from grocker.context import Context, download
from grocker.errors import CorruptError, GrockerError, MissingError
from grocker.inputs.archive import find_mirrors, open_archive, resolve_names
from grocker.inputs.index import wheel_target
from grocker.lock.answers import DebianAnswer
from grocker.lock.values import DebianPackage
from grocker.platforms.architectures import BY_MACHINE, is_foreign
from grocker.platforms.interpreters import STANDALONE_FORMAT
from grocker.platforms.suites import RUST
from grocker.platforms.target import Target
from grocker.store.writing import storage
from grocker.tar.entry import Entry
from grocker.tar.keys import cache_key

if TYPE_CHECKING:
    from grocker.inputs.standalone import StandaloneSource
    from grocker.python import BuildRoot, Compiler, WheelTarget

_FORMAT = 1
"""goes into keys: raised when the same packages give another root"""
_ALTERNATIVES = {"cc": "gcc", "c++": "g++"}
"""names of compilers that maintainer scripts make; rustc's linker and make's default"""
_SONAMES = "sonames.json"
"""in a root's tree: the package of each shared library"""
_FACTS = "facts.msgpack"
"""in a tree of packages: what configuring them needs"""
_WORKERS = 4


class DebianToolchain(msgspec.Struct, frozen=True):
    """See ``python.toolchain.Toolchain``."""

    context: Context
    settings: Settings
    image: Target
    refresh: bool = False
    standalone: StandaloneSource | None = None
    """gives the interpreter, if it is not Debian's"""

    @property
    def target(self) -> WheelTarget:
        """See Toolchain."""
        return wheel_target(self.image)

    @property
    def refusal(self) -> str:
        """See Toolchain."""
        if self.context.emulates or not is_foreign(self.image.architecture):
            return ""
        return f"cannot be compiled for {self.image.architecture} on {os.uname().machine}"

    def suggest(self) -> str:
        """See Toolchain."""
        from grocker.sandbox import emulation

        with self.context.store.scratch() as scratch:
            return emulation.suggest(self.image.architecture, scratch)

    def compose(self, packages: Sequence[str]) -> BuildRoot:
        """See Toolchain."""
        from grocker.python import BuildRoot

        answer = self._build_packages(packages)
        key = self._root_key(answer)
        return BuildRoot(partial(self._make_root, answer, key), key)

    def compose_pure(self, packages: Sequence[str]) -> tuple[BuildRoot, WheelTarget]:
        """See Toolchain."""
        from grocker.python import BuildRoot

        own = BY_MACHINE.get(os.uname().machine)
        image = replace(self.image, architecture=own.name if own is not None else self.image.architecture)
        host = replace(self, image=image)
        answer = host._resolve(sorted({*image.suite.base, *image.interpreter_packages, *packages}))
        key = cache_key("interpreter root", _FORMAT, answer.digests, *host.interpreter_identity())
        make = partial(host._make_plain_root, answer, key, "an interpreter", host.read_interpreter)
        return BuildRoot(make, key), host.target

    def _make_plain_root(
        self, answer: DebianAnswer, key: str, subject: str, read_more: Callable[[], tuple[Entry, ...]] = tuple
    ) -> Path:
        """Return a root with the packages, and what ``read_more`` returns."""
        from grocker.tar.unpack import unpack

        store = self.context.store
        with store.lock(f"tree-{key}"):
            tree = store.tree(key)
            if tree is None:
                with store.new_tree(key) as new:
                    self._configure(self._unpack(answer, new, subject), new)
                    unpack(read_more(), new)
                tree = store.tree(key)
        assert tree is not None
        return tree

    def _make_root(self, answer: DebianAnswer, key: str) -> Path:
        """Return the root's directory. Most packages are those of every root: these are unpacked once, and linked."""
        from grocker.sandbox.emulation import warn_if_foreign
        from grocker.tar.unpack import link_tree, unpack

        warn_if_foreign(self.context.progress, self.image.architecture)
        store = self.context.store
        with store.lock(f"tree-{key}"):
            tree = store.tree(key)
            if tree is None:
                whole = self._resolve(self._common)
                shared = replace(whole, packages=tuple(one for one in whole.packages if one in answer.packages))
                rest = replace(answer, packages=tuple(one for one in answer.packages if one not in whole.packages))
                below = self._unpacked(shared)
                with store.new_tree(key) as new:
                    link_tree(below, new)
                    self._configure([*_read_facts(below), *self._unpack(rest, new)], new)
                    unpack(self.read_interpreter(development=True), new)
                tree = store.tree(key)
        assert tree is not None
        return tree

    def native_compiler(self) -> Compiler | None:
        """See Toolchain."""
        own = BY_MACHINE.get(os.uname().machine)
        if own is None or own.name == self.image.architecture:
            return None
        from grocker.python import Compiler, InterpreterTree
        from grocker.tar.unpack import unpack

        host = replace(self, image=replace(self.image, architecture=own.name))
        found = host._resolve(self.image.interpreter_packages)
        is_needed = self.image.suite.is_interpreter
        answer = replace(found, packages=tuple(one for one in found.packages if is_needed(one.name)))
        store, key = self.context.store, cache_key("native interpreter", answer.digests, *host.interpreter_identity())
        with store.lock(f"tree-{key}"):
            tree = store.tree(key)
            if tree is None:
                with store.new_tree(key) as new:
                    host._unpack(answer, new, "an interpreter")
                    unpack(host.read_interpreter(), new)
                tree = store.tree(key)
        assert tree is not None
        return Compiler(InterpreterTree(tree, self.image.python, own.name, self.image.origin.prefix))

    def root_key(self) -> str:
        """Return the key of the root that ``compose(())`` would return."""
        return self._root_key(self._build_packages(()))

    def package_version(self, name: str) -> str:
        """Return the version of a package of the root that ``compose(())`` would return, which settings name."""
        return next(one.version for one in self._build_packages(()).packages if one.name == name)

    @property
    def _common(self) -> list[str]:
        from grocker.platforms.build_packages import TOOLCHAIN

        suite = self.image.suite
        return sorted({*suite.base, *self.image.interpreter_packages, *self.image.header_packages, *TOOLCHAIN})

    def _root_key(self, answer: DebianAnswer) -> str:
        return cache_key("build root", _FORMAT, answer.digests, *self.interpreter_identity())

    def _build_packages(self, packages: Sequence[str]) -> DebianAnswer:
        named = self.settings.build.dependencies
        own = {text.partition("=")[0] for text in named}
        if any(name.startswith(RUST) for name in own):
            packages = [name for name in packages if name not in RUST]  # they would conflict with the settings' own
        more = (self.image.suite.name_build_package(name) for name in packages)
        names = sorted({*named, *(name for name in (*self._common, *more) if name not in own)})
        try:
            return self._resolve(names)
        except MissingError as error:
            raise MissingError(f"resolving the packages of the build: {error.message}", hint=error.hint) from error

    def compose_image(self, answer: DebianAnswer) -> BuildRoot:
        """Return a root with an image's own packages, to run what the image would run."""
        from grocker.python import BuildRoot
        from grocker.sandbox.emulation import warn_if_foreign

        warn_if_foreign(self.context.progress, self.image.architecture)
        key = cache_key("image root", answer.digests)
        return BuildRoot(self._make_plain_root(answer, key, "the image"), key)

    def interpreter_identity(self) -> tuple[object, ...]:
        """Return what identifies a standalone interpreter, for keys; empty for Debian's."""
        if self.standalone is None or not self.image.standalone:
            return ()
        return STANDALONE_FORMAT, self.standalone.find(self.image).sha256

    def read_interpreter(self, *, development: bool = False) -> tuple[Entry, ...]:
        """Return the files of a standalone interpreter; none for Debian's. ``development``: see ``read_archive``."""
        if self.standalone is None or not self.image.standalone:
            return ()
        return self.standalone.read(self.image, development=development)

    def _resolve(self, names: Sequence[str]) -> DebianAnswer:
        return resolve_names(self.context, self.settings, names, self.image, refresh=self.refresh)

    def find_packages(self, header: str) -> tuple[str, ...]:
        """See Toolchain."""
        from grocker.debian.contents import find_header_packages

        context = self.context
        try:
            archive = open_archive(context, find_mirrors(context, self.settings), self.image, warn_expired=False)
            return find_header_packages(
                archive, header, store=context.store, transport=context.transport, progress=context.progress
            )
        except GrockerError:
            return ()  # it would be part of a hint

    def find_libraries(self, wheel: Path, root: BuildRoot) -> tuple[str, ...]:
        """See Toolchain."""
        import zipfile

        from grocker.debian import elf

        sonames: dict[str, str] = msgspec.json.decode((root.tree / _SONAMES).read_bytes())
        needed: set[str] = set()
        brought: set[str] = set()
        try:
            with zipfile.ZipFile(wheel) as opened:
                for member in opened.infolist():
                    data = opened.read(member)
                    found = elf.read(data) if data.startswith(b"\x7fELF") else None
                    if found is not None:
                        needed.update(found.needed)
                        brought |= {found.soname, member.filename.rpartition("/")[2]}
        except (zipfile.BadZipFile, EOFError, ValueError) as error:
            raise CorruptError(
                f"reading {wheel.name}: {error}", hint="choose another version, and tell its publisher"
            ) from error
        found_packages = {sonames[name] for name in needed - brought if name in sonames}
        return tuple(sorted(found_packages - self.image.suite.compiler_libraries - {*self.image.suite.base}))

    def _unpacked(self, answer: DebianAnswer) -> Path:
        """Return a tree of the packages with nothing configured, and their facts in a file."""
        store = self.context.store
        key = cache_key("build packages", answer.digests)
        with store.lock(f"tree-{key}"):
            tree = store.tree(key)
            if tree is None:
                with store.new_tree(key) as new:
                    facts = self._unpack(answer, new)
                    with storage("writing to the cache", new):
                        (new / _FACTS).write_bytes(msgspec.msgpack.encode(facts))
                tree = store.tree(key)
        assert tree is not None
        return tree

    def _unpack(self, answer: DebianAnswer, tree: Path, subject: str = "a compiler") -> list[debian.Facts]:
        """Fetch the packages and unpack them into a tree."""
        from concurrent.futures import ThreadPoolExecutor

        from grocker.tar.unpack import unpack

        what = f"unpacking {subject} ({len(answer.packages)} Debian packages)"
        with (
            self.context.progress.task(what, len(answer.packages)) as task,
            ThreadPoolExecutor(_WORKERS, thread_name_prefix="compiler") as pool,
        ):

            def unpack_one(package: DebianPackage) -> debian.Facts:
                read = debian.unpack(self._fetch(answer, package), name=f"{package.name} {package.version}")
                unpack(read.entries, tree)
                task.advance(1)
                return read.facts

            return list(pool.map(unpack_one, answer.packages))

    def _configure(self, facts: list[debian.Facts], tree: Path) -> None:
        from grocker.tar.unpack import unpack

        unpack(debian.configure(facts).entries, tree)
        sonames = {library.soname: one.name for one in facts for library in one.libraries if library.soname}
        with storage("writing to the cache", tree):
            (tree / _SONAMES).write_bytes(msgspec.json.encode(sonames, order="sorted"))
            for name, program in _ALTERNATIVES.items():
                if (tree / "usr/bin" / program).exists() and not os.path.lexists(tree / "usr/bin" / name):
                    (tree / "usr/bin" / name).symlink_to(program)

    def _fetch(self, answer: DebianAnswer, package: DebianPackage) -> Path:
        return download(
            self.context,
            f"{answer.mirrors[package.suite]}/{package.filename}",
            digest=package.sha256,
            size=package.size,
            what=f"{package.name} {package.version}",
        )


def _read_facts(tree: Path) -> list[debian.Facts]:
    return msgspec.msgpack.decode((tree / _FACTS).read_bytes(), type=list[debian.Facts])
