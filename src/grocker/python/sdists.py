"""Wheels of sdists, git repositories and directories, built by their own back ends as a project's wheel is.

Back ends run in a sandbox. They find no compiler at first, so that every host gives the same wheel of pure Python
(``first_try``). A package that needs one is built again, in a sandbox that has it (``compiled``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from grocker import errors
from grocker.context import Context
from grocker.digest import Digest
from grocker.errors import CorruptError, GrockerError, MissingError, SettingsError
from grocker.lock.values import BuildRequirement, PythonFile
from grocker.platforms.build_packages import SDISTS
from grocker.python import metadata, wheel
from grocker.python.build import PlatformWheelError, lacks_compiler, resolve_build
from grocker.python.build_identity import FORMAT, constraint, oldest_python, read_constraint
from grocker.python.build_tools import find_build_tools
from grocker.python.former_tools import former_tools, is_outdated
from grocker.python.indexes import project_tables
from grocker.python.local_packages import local_packages_key
from grocker.python.metadata import normalise_name
from grocker.python.opened_sources import OpenedSource, open_source
from grocker.python.project import Project, read_project
from grocker.python.pure_wheel import write_pure_wheel
from grocker.python.pylock import CompiledError, CompiledPackage, Pin, compiled_error
from grocker.python.source_tree import SourceTree
from grocker.python.sources import Sdist, Source
from grocker.python.uv import BINARIES, Uv
from grocker.store.answers import recent_answer
from grocker.tar.keys import cache_key

if TYPE_CHECKING:
    from grocker.python.toolchain import BuildRoot, Toolchain

_REASON = 120
"""characters of what a back end says that go into an error"""
_DEEPEST = 10
"""how many sdists may be built for one another"""


class _BuildAnswer(msgspec.Struct, frozen=True):
    at: float
    """seconds since 1970"""
    pins: tuple[BuildRequirement, ...]


class _BuiltWheel(msgspec.Struct, frozen=True):
    """A wheel in the store."""

    sha256: Digest
    file: str
    size: int
    is_reduced: bool = False
    """whether it lacks its compiled part"""
    libraries: tuple[str, ...] = ()
    """see ``PythonFile``"""


class SdistBuilder(msgspec.Struct, frozen=True):
    """Builds wheels from sdists, git repositories and directories, and keeps them in the store, by their content and
    build requirements.
    """

    context: Context
    uv: Uv
    platform: str
    """for errors: what the wheels are for"""
    directory: Path | None = None
    """the project's, whose ``[tool.uv]`` (indexes) counts for build requirements too"""
    refresh: bool = False
    """ask the index again for build requirements"""
    has_alternatives: bool = False
    """whether another suite is tried next: CompiledError is then raised also for a package that can do without its
    compiled part, or whose back end fails"""
    pinned: tuple[BuildRequirement, ...] = ()
    """versions of build requirements to keep to"""
    submodules: bool = False
    """whether submodules of git repositories are fetched"""
    toolchain: Toolchain | None = None
    """compiles, if there is no other suite to try; without one, what needs a compiler is an error"""
    compiles_all: bool = False
    """whether no wheel of pure Python is tried first"""
    is_pure: bool = False
    """whether nothing is compiled: what is built runs on this host, or has been of pure Python"""
    outer: tuple[Source, ...] = ()
    """what is being built, which needs what this one builds"""

    def build(self, source: Source) -> Pin:
        """Return the wheel of ``source``, kept or built.

        Raises CompiledError for what needs a compiler where there is none; CorruptError for an sdist that is malformed
        or has another digest, and for one whose back end fails; what fetching a repository and ``resolve_build`` raise.
        """
        store = self.context.store
        if source.name in BINARIES and not self._can_compile:
            raise self._compiled(source)
        self._refuse_cycle(source)
        if self.outer and not source.required_by:
            source = replace(source, required_by=self.outer[-1].name)
        with store.scratch() as scratch:
            opened = open_source(self.context, self.uv, source, scratch, self.directory, submodules=self.submodules)
            tree = opened.tree
            what = opened.what + (f", required by {source.required_by}" if source.required_by else "")
            try:
                built, pins = self._made_by_some_tools(source, opened, scratch)
                if built.is_reduced and self.has_alternatives:
                    raise self._compiled(source, requires=metadata.static_requires(tree.root))
            except CompiledError:
                raise
            except GrockerError as error:
                if self.has_alternatives and isinstance(error, (CorruptError, MissingError, SettingsError)):
                    raise self._compiled(source, _last_line(error), metadata.static_requires(tree.root)) from error
                raise _named(error, what, scratch) from error
        name, version = _name_and_version(built.file)
        if built.is_reduced:
            self.context.progress.warn(
                f"{name} {version} has no wheel; it is built without its optional C extension",
                "if it is too slow, choose a version that has a wheel",
            )
        path = store.root.absolute().joinpath("downloads", built.sha256.removeprefix("sha256:"))
        about = wheel.read_metadata(path, file=built.file)[0]
        build = tuple(sorted(constraint(pin, hashes=False) for pin in pins))
        return Pin(
            *(name, source.version or version, built.file, path.as_uri(), built.sha256, built.size),
            sdist=opened.digest,
            build=build,
            source=opened.locked,
            requires=about.requires,
            extras=about.extras,
            libraries=built.libraries,
        )

    def rebuild(self, file: PythonFile, source: Source) -> Pin:
        """Build a locked wheel again. Raises CorruptError if ``source`` or the wheel is not the locked one."""
        where = "its sdist" if isinstance(source, Sdist) else file.source
        what = f"building {file.name} {file.version} from {where}"
        hint = f"lock again: grocker lock --upgrade {file.name}"
        if isinstance(source, Sdist) and file.sdist and source.sha256 != file.sdist:
            raise CorruptError(f"{what}: the locked sdist is {file.sdist}, the index has {source.sha256}", hint=hint)
        pinned = tuple(read_constraint(text) for text in file.build)
        is_pure = file.file.endswith("-none-any.whl")
        again = replace(self, pinned=pinned, is_pure=is_pure, compiles_all=not is_pure)
        pin = again.build(source)
        if pin.sha256 != file.sha256:
            raise CorruptError(f"{what}: the locked wheel is {file.sha256}, this build gives {pin.sha256}", hint=hint)
        return pin

    def _project(self, source: Source, tree: SourceTree, scratch: Path) -> Project:
        names = {file.path for file in tree.files}
        if not names & {"pyproject.toml", "setup.py", "setup.cfg"}:
            raise CorruptError("it has neither pyproject.toml nor setup.py", hint="use a version with a wheel")
        try:
            project = read_project(tree.root)
        except GrockerError as error:
            raise CorruptError(error.message.replace(f"{tree.root}/", "")) from error
        # What the source tells uv, such as an index of its own, does not count.
        return replace(project, name=source.name or project.name, directory=self.directory or scratch)

    def _refuse_cycle(self, source: Source) -> None:
        needed = [one.name for one in self.outer]
        if replace(source, required_by="") in self.outer or len(needed) == _DEEPEST:
            chain = " needs ".join((*needed, source.name))
            raise CorruptError(
                f"building {needed[0]}: its build requirements need themselves to be built: {chain}",
                hint=f"choose a version of {source.name} that has a wheel",
            )

    def _for_requirements_of(self, source: Source, *, is_pure: bool) -> SdistBuilder:
        """Return what builds the build requirements of ``source`` that have no wheel."""
        about = replace(self, outer=(*self.outer, replace(source, required_by="")), pinned=(), compiles_all=False)
        return replace(about, is_pure=is_pure or self.has_alternatives, has_alternatives=False)

    def _resolve_build(self, source: Source, project: Project, scratch: Path) -> tuple[BuildRequirement, ...]:
        """Pin the build requirements; the index is asked again once a day."""
        context, uv, directory = self.context, self.uv, project.directory
        if not project.build_requires:
            return ()
        release = self._compiler.target.version_info if self._compiler is not None else None
        builder = self._for_requirements_of(source, is_pure=self.is_pure)

        def ask() -> _BuildAnswer:
            pins = resolve_build(
                *(project.build_requires, uv),
                workspace=scratch,
                directory=directory,
                constraints=self.pinned,
                release=release,
                builder=lambda: builder,
            )
            return _BuildAnswer(context.now, pins)

        settings = repr(project_tables(self.directory)) if self.directory is not None else ""
        key = cache_key(
            *("build requirements of an sdist", project.build_requires, self.pinned, oldest_python(release)),
            *(settings, uv.variables(), local_packages_key(self.directory, uv.environment)),
        )
        return recent_answer(context.store, key, _BuildAnswer, ask, now=context.now, refresh=self.refresh).pins

    @property
    def _compiler(self) -> Toolchain | None:
        return None if self.is_pure else self.toolchain

    @property
    def _can_compile(self) -> bool:
        return self._compiler is not None and not self.has_alternatives and not self._compiler.refusal

    def _made_by_some_tools(
        self, source: Source, opened: OpenedSource, scratch: Path
    ) -> tuple[_BuiltWheel, tuple[BuildRequirement, ...]]:
        """The wheel and what built it: the newest setuptools, or a former one for what was written for that.

        Raises what the newest one raises.
        """
        store, project = self.context.store, self._project(source, opened.tree, scratch)
        key = cache_key("tools that an sdist builds with", opened.identity, FORMAT)
        known = tuple(filter(None, (store.kept("steps", key) or b"").decode().split()))
        attempts = [(), *former_tools(project)] if not self.pinned else [()]
        first: CorruptError | None = None
        for number, bounds in enumerate(dict.fromkeys((known, *attempts))):
            place = scratch / f"attempt{number}"
            place.mkdir()
            bounded = replace(project, build_requires=(*project.build_requires, *bounds))
            try:
                pins = self._resolve_build(source, bounded, place)
                built = self._kept_or_made(source, opened, bounded, pins, place)
            except CorruptError as error:
                first = first or error
                if not is_outdated(error):
                    break
            except (MissingError, SettingsError):  # it asks for newer ones, or needs a compiler
                if first is None:
                    raise
            else:
                if bounds != known:
                    store.keep("steps", key, " ".join(bounds).encode())
                return built, pins
        assert first is not None
        raise first

    def _kept_or_made(
        self, source: Source, opened: OpenedSource, project: Project, pins: Sequence[BuildRequirement], scratch: Path
    ) -> _BuiltWheel:
        """The wheel: of pure Python if that succeeds, else compiled if that is possible."""
        store = self.context.store
        failed = cache_key("sdist without a pure wheel", opened.identity, FORMAT, pins)
        has_compiled_part = find_build_tools(project, opened.tree).is_compiled
        if has_compiled_part and self._compiler is not None and not self._can_compile:
            raise self._compiled(source, requires=metadata.static_requires(opened.tree.root))
        is_compiled = self.compiles_all or source.name in SDISTS or has_compiled_part
        is_compiled = is_compiled or store.kept("steps", failed) is not None
        if not (is_compiled and self._can_compile):
            try:
                return self._kept_or_built(source, opened, project, pins, scratch)
            except CompiledError:
                if not self._can_compile:
                    raise
                store.keep("steps", failed, b"true")
        assert self._compiler is not None
        return self._kept_or_compiled(source, opened, project, pins, scratch / "compiled", self._compiler)

    def _kept_or_compiled(
        self,
        source: Source,
        opened: OpenedSource,
        project: Project,
        pins: Sequence[BuildRequirement],
        workspace: Path,
        toolchain: Toolchain,
    ) -> _BuiltWheel:
        from grocker.python.compiled import compile_with_lacking

        tools = find_build_tools(project, opened.tree).packages
        git = ("git",) if opened.tree.repository is not None else ()

        def compile_one(packages: tuple[str, ...]) -> _BuiltWheel:
            place = workspace.with_name(f"{workspace.name}-{len(packages)}")
            return self._compiled_in(toolchain.compose(packages), source, opened, project, pins, place, toolchain)

        key = cache_key("packages that an sdist compiles with", opened.identity, str(toolchain.target))
        named = tuple(dict.fromkeys((*SDISTS.get(source.name, ()), *tools, *git)))
        return compile_with_lacking(self.context.store, key, named, compile_one)

    def _compiled_in(
        self,
        root: BuildRoot,
        source: Source,
        opened: OpenedSource,
        project: Project,
        pins: Sequence[BuildRequirement],
        workspace: Path,
        toolchain: Toolchain,
    ) -> _BuiltWheel:
        from grocker.python import compiled

        context, store, tree = self.context, self.context.store, opened.tree
        key = cache_key("compiled wheel", opened.identity, compiled.FORMAT, pins, root.key)
        with store.lock(f"step-{key}"):
            kept = store.kept_as("steps", key, _BuiltWheel)
            if kept is not None and store.built_wheel(kept.sha256) is not None:
                return kept
            with context.progress.task(f"compiling {opened.what.removesuffix(' from its sdist')}"):
                builder = self._for_requirements_of(source, is_pure=False)
                path = compiled.compile_project(
                    context, self.uv, builder, toolchain, root, project, tree, pins, workspace=workspace
                )
            self._checked(source, path)
            libraries = toolchain.find_libraries(path, root)
            built = _BuiltWheel(store.add_wheel(path), path.name, path.stat().st_size, libraries=libraries)
            store.keep("steps", key, msgspec.json.encode(built))
        return built

    def _kept_or_built(
        self, source: Source, opened: OpenedSource, project: Project, pins: Sequence[BuildRequirement], scratch: Path
    ) -> _BuiltWheel:
        store = self.context.store
        key = cache_key("sdist wheel", source.name, source.version, opened.identity, FORMAT, pins)
        with store.lock(f"step-{key}"):
            kept = store.kept_as("steps", key, _BuiltWheel)
            if kept is not None and store.built_wheel(kept.sha256) is not None:
                return kept
            with self.context.progress.task(f"building {opened.what}"):
                path, is_reduced = self._build(source, project, opened.tree, pins, scratch / "build")
            built = _BuiltWheel(store.add_wheel(path), path.name, path.stat().st_size, is_reduced)
            store.keep("steps", key, msgspec.json.encode(built))
        return built

    def _build(
        self, source: Source, project: Project, tree: SourceTree, pins: Sequence[BuildRequirement], workspace: Path
    ) -> tuple[Path, bool]:
        """The wheel, and whether it lacks its compiled part."""
        from grocker.python.first_try import build_without_compiler

        builder = self._for_requirements_of(source, is_pure=True)
        workspace.mkdir()
        try:
            path = build_without_compiler(
                *(self.context, self.uv, builder, self.toolchain, project, tree, pins), workspace=workspace
            )
        except PlatformWheelError as error:
            pure = write_pure_wheel(error.wheel, workspace)
            if pure is not None:
                return self._checked(source, pure), True
            requires = wheel.read_metadata(error.wheel)[0].requires
            raise self._compiled(source, requires=requires) from error
        except CorruptError as error:
            if not lacks_compiler(error):
                raise
            raise self._compiled(source, _last_line(error), metadata.static_requires(tree.root)) from error
        return self._checked(source, path), False

    def _checked(self, source: Source, path: Path) -> Path:
        name, version = _name_and_version(path.name)
        other = source.version and not metadata.is_same_version(version, source.version)
        if other or (source.name and name != source.name):
            raise CorruptError(f"its back end built {path.name} instead", hint="use a version with a wheel")
        return path

    def _compiled(self, source: Source, reason: str = "", requires: tuple[str, ...] = ()) -> CompiledError:
        toolchain, remedy = self._compiler, ""
        refusal = toolchain.refusal if toolchain is not None else ""
        if toolchain is not None and refusal and not self.has_alternatives:
            remedy = toolchain.suggest()
        about = (source.name, source.version, refusal or reason, requires)
        package = CompiledPackage(*about, required_by=source.required_by, remedy=remedy)
        return compiled_error([package], self.platform)


def _name_and_version(file: str) -> tuple[str, str]:
    name, version = file.split("-")[:2]
    return normalise_name(name), version


def _last_line(error: GrockerError) -> str:
    """What a back end said last, for an error; empty when it only says that there is no compiler."""
    last = error.message.splitlines()[-1].strip()
    return "" if "/bin/false" in last else last[:_REASON]


def _named(error: GrockerError, what: str, scratch: Path) -> GrockerError:
    """The same error, as one of building ``what``, without the place of the sdist's copy."""
    kind = next(kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
    reason = re.sub(r"^building \S+: ", "", error.message)
    reason = re.sub(rf"(?:{re.escape(str(scratch))}/attempt\d)?/build/source/", "", reason)
    hint = error.hint
    if isinstance(error, CorruptError):
        hint = "choose a version that has a wheel, or one that builds"
    named: GrockerError = kind(f"building {what}: {reason}", hint=hint)
    return named
