"""The wheels that an application depends on: from requirements to files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path

import msgspec
from msgspec.structs import replace

from grocker import local_file, python
from grocker.context import Context
from grocker.errors import MissingError, SettingsError
from grocker.inputs.application import Application
from grocker.inputs.index import (
    answer_of_pins,
    index_key,
    rebuild_wheels,
    sdist_builder,
    wheel_target,
)
from grocker.inputs.pin_file import find_pin_file
from grocker.lock.answers import PythonAnswer
from grocker.platforms.target import Target
from grocker.python.uv import NoWheelError
from grocker.store import Store
from grocker.store.answers import recent_answer
from grocker.tar.keys import cache_key


def resolve_wheels(
    context: Context,
    uv: python.Uv,
    application: Application,
    target: Target,
    toolchain: python.Toolchain,
    *,
    constraints: Sequence[str] = (),
    refresh: bool,
    ignore_lock: bool = False,
    keep_missing: bool = False,
    submodules: bool = False,
    additions: Sequence[str] = (),
) -> PythonAnswer:
    """Resolve the wheels that the application and its servers need; the application's own is not among them.

    ``toolchain``: compiles sdists. ``constraints``: PEP 508, versions to keep to; a ``uv.lock`` has its own.
    ``ignore_lock``: resolve without any lock file of the project. ``keep_missing``: whether it is kept for a day that a
    wheel is missing, because another suite is tried next; optional extensions are not left out then. Raises
    SettingsError for a lock that Grocker does not read, unless it is ignored; NoWheelError. Of a lock that is stale the
    versions count that still fit, with a warning. ``submodules``: whether those of git dependencies are fetched.
    ``additions``: needed like the servers.
    """
    wheels = wheel_target(target)
    installed, project = application.installed, application.project
    servers = (*application.services.servers, *additions)

    @cache
    def requirements() -> tuple[str, ...]:
        return _active_requirements(context.store, application, wheels)

    directory = project.directory if project else None
    lock = python.find_lock(project.directory) if project and not ignore_lock else None
    own = python.group_requirements(project.directory, application.groups) if project and lock is None else ()
    listed, pin_file = read_listed(context, uv, application), None
    if application.unread_lock is not None and not ignore_lock:
        python.refuse_lock(application.unread_lock.name, "pin the versions in the script's dependencies")
    if project is not None and lock is None and not application.requirement_files and not ignore_lock:
        pin_file = find_pin_file(application, ignore_lock=ignore_lock)
        listed = python.as_constraints(_read_listed(context, uv, project.directory, (pin_file,) if pin_file else ()))
        python.check_unread(project.directory, (*requirements(), *own), pins_are_read=pin_file is not None)

    builder = partial(
        sdist_builder,
        context,
        uv,
        wheels,
        toolchain,
        directory=directory,
        refresh=refresh,
        has_alternatives=keep_missing,
        submodules=submodules,
    )

    def ask() -> PythonAnswer:
        try:
            return answer()
        except NoWheelError as error:
            if not keep_missing:
                raise
            return PythonAnswer(context.now, (), {}, missing=(error.message, error.hint))

    def answer() -> PythonAnswer:
        with context.store.scratch() as scratch, context.progress.task("resolving Python packages"):
            stale: tuple[str, str | None] | None = None
            try:
                pins = locked(lock, scratch) if lock is not None else unlocked(scratch, (*requirements(), *own), {})
            except python.StaleLockError as error:
                assert project is not None
                assert lock is not None
                declared = python.read_declared(project, lock, application.extras, application.groups)
                try:
                    pins = unlocked(scratch, (*requirements(), *declared), python.read_versions(lock.path))
                except NoWheelError:
                    raise
                except (MissingError, SettingsError):
                    raise error from None
                stale = error.message, error.hint
        # A dependency that depends on the application gets this one, not the index's. A tree that lists itself
        # (``-e .``) gets the metadata and commands of its wheel; its code comes first from the tree.
        itself = f"{python.PATH}." if application.roots else ""
        name = _own_name(application)
        others = [pin for pin in pins if pin.name != name or (itself and pin.source == itself)]
        return replace(answer_of_pins(context, uv, others, directory), stale=stale)

    def locked(lock: python.LockFile, scratch: Path) -> tuple[python.Pin, ...]:
        assert project is not None
        if project.dependencies is None and lock.format == "pdm":  # only the back end knows them
            described = replace(project, dependencies=requirements())
        else:
            described = project
        pins = python.resolve_locked(
            described,
            lock,
            wheels,
            uv,
            workspace=scratch,
            extras=application.extras,
            groups=application.groups,
            additions=servers,
            builder=builder(),
        )
        if lock.format != "uv" or project.dependencies is None:  # which uv itself checks, if it can
            versions = {pin.name: {"" if pin.source else pin.version} for pin in pins}
            remedy = "uv lock" if lock.format == "uv" else "create it again"
            python.check_declared(requirements(), versions, wheels, lock=lock.path, remedy=remedy)
        return pins

    def unlocked(scratch: Path, declared: Sequence[str], preferred: Mapping[str, str]) -> tuple[python.Pin, ...]:
        # What Grocker adds needs no hash: it is resolved apart.
        apart = servers if listed.hashes else ()
        pins = python.resolve(
            (*declared, *(() if apart else servers)),
            wheels,
            uv,
            workspace=scratch,
            constraints=constraints,
            directory=directory,
            listed=listed,
            builder=builder(),
            preferred=preferred,
        )
        # A file beside a package need not list everything.
        python.check_hashes([pin for pin in pins if pin_file is None or pin.name in listed.hashes], listed)
        return python.add_requirements(
            pins, apart, wheels, uv, workspace=scratch, directory=directory, builder=builder()
        )

    key = cache_key(
        *("dependencies", _own_name(application), installed.metadata.requires, servers, application.extras),
        *(application.groups, own, str(wheels), python.marker_environment(wheels)),
        hashlib.sha256(local_file.read(lock.path)).hexdigest() if lock else "",
        _listed_key(listed),
        index_key(directory, uv.with_options(listed.index_options, listed.places)),
        *constraints,
        keep_missing,
        submodules,
    )
    found = recent_answer(context.store, key, PythonAnswer, ask, now=context.now, refresh=refresh)
    if found.missing is not None:
        raise NoWheelError(found.missing[0], hint=found.missing[1])
    if found.stale is not None:
        message, remedy = found.stale
        context.progress.warn(f"{message}; keeping its versions where they still fit", hint=remedy)
    if directory is not None and not all(python.is_current(context, file, directory) for file in found.files):
        found = recent_answer(context.store, key, PythonAnswer, ask, now=context.now, refresh=True)
    rebuild_wheels(context, uv, found.files, wheels, toolchain, directory=directory, submodules=submodules)
    return found


def _own_name(application: Application) -> str:
    """Return the name of the application's distribution; empty for a tree that is named after its directory.

    A directory may have the name of a dependency: ``flask``.
    """
    project = application.project
    is_named = not application.roots or project is None or project.name is not None
    return application.installed.name if is_named else ""


def _active_requirements(store: Store, application: Application, target: python.WheelTarget) -> tuple[str, ...]:
    """Return what the application requires on ``target``; kept: parsing takes longer than most of a rebuild's steps."""
    installed, extras, name = application.installed, application.extras, _own_name(application)
    variables = python.marker_environment(target)
    key = cache_key("active requirements", name, installed.metadata.requires, extras, variables)
    kept = store.kept_as("steps", key, tuple[str, ...])
    if kept is None:
        kept = python.active_requirements(name, installed.metadata.requires, extras, target)
        store.keep("steps", key, msgspec.json.encode(kept))
    return kept


def read_listed(context: Context, uv: python.Uv, application: Application) -> python.RequirementList:
    """Return what the application's requirement files say. Raises SettingsError."""
    directory = application.project.directory if application.project else Path()
    return _read_listed(context, uv, directory, application.requirement_files)


def _read_listed(context: Context, uv: python.Uv, directory: Path, files: Sequence[Path]) -> python.RequirementList:
    contents = python.read_requirement_files(files)
    for path, data in contents.items():
        python.refuse_expansion([data.decode("utf-8", "replace")], uv.environment, what=f"reading {path}")
    return python.parse_requirement_files(files, contents, directory, context.environ)


def _listed_key(listed: python.RequirementList) -> str:
    """Return a digest of what requirement files say, without credentials."""
    return hashlib.sha256(python.hide_credentials(repr(replace(listed, places={}))).encode()).hexdigest()


def versions_source(application: Application, *, ignore_lock: bool) -> str:
    """Return where versions come from when they are resolved: the project's lock file, or the index."""
    project = application.project
    lock = python.find_lock(project.directory) if project and not ignore_lock else None
    if project is None or lock is None:
        pin_file = find_pin_file(application, ignore_lock=ignore_lock)
        named = (*application.requirement_files, *((pin_file,) if pin_file else ()))
        files = [os.path.relpath(path, project.directory) for path in named if project]
        return f"the index, by {', '.join(files)}" if files else "the index"
    return os.path.relpath(lock.path, project.directory)
