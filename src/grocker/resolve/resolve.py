"""The first phase: from the user's request to everything that the image consists of, locked.

It may run the project's back end and use the network; nothing after it decides what goes into the image.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from grocker import python
from grocker.config.services import proxy_packages
from grocker.config.settings import Settings
from grocker.context import Context
from grocker.errors import MissingError, SettingsError
from grocker.inputs.application import Application, ApplicationRequest, LockedApplication
from grocker.inputs.index import download_wheel, wheel_target
from grocker.inputs.load import load_application
from grocker.inputs.nested_project import warn_of_nested
from grocker.inputs.programs import find_run_packages
from grocker.inputs.removed_imports import RemovedImport, find_removed_imports
from grocker.inputs.request import Request
from grocker.inputs.toolchain import DebianToolchain
from grocker.inputs.tree_project import is_tree
from grocker.lock.answers import DebianAnswer, PythonAnswer
from grocker.lock.values import NAME as LOCK
from grocker.lock.values import Lock, PythonFile, StandalonePython
from grocker.platforms.architectures import BY_MACHINE
from grocker.platforms.removed_modules import UNDECLARED
from grocker.platforms.target import Target
from grocker.resolve import lock as locks
from grocker.resolve.collected_files import StaticFiles, collect_static, shown_static
from grocker.resolve.debian import resolve_packages
from grocker.resolve.python import read_listed, resolve_wheels, versions_source
from grocker.resolve.static_files import with_static
from grocker.resolve.suites import Attempt, UnfitPythonError, resolve_suites, standalone_source
from grocker.resolve.undeclared import with_undeclared
from grocker.resolve.wheel_imports import find_wheel_imports
from grocker.runner.contract import spec
from grocker.store.writing import require
from grocker.tar.keys import cache_key

if TYPE_CHECKING:
    from grocker.inputs.standalone import StandaloneSource
    from grocker.python import Uv
    from grocker.resolve.subscriber import Subscriber


class StandaloneInterpreters(msgspec.Struct, frozen=True):
    """The archives of a standalone interpreter."""

    source: StandaloneSource
    image: StandalonePython
    compiling: StandalonePython
    """of the host's architecture"""


class Resolution(msgspec.Struct, frozen=True):
    """Everything that one image on one platform consists of."""

    target: Target
    uv: Uv
    """as this build runs it: it knows the credentials of its indexes"""
    application: Application
    services: Mapping[str, spec.Service]
    """the application's, with the directories of their static files"""
    static: StaticFiles | None
    """what Django collected"""
    packages: DebianAnswer
    compiling: DebianAnswer
    """the packages whose interpreter compiles: of the host's architecture, because nothing foreign is executed"""
    wheels: PythonAnswer
    lock: Lock
    """of this platform alone"""
    versions: str
    """for people: where the wheels' versions come from"""
    why: str = ""
    """for people: why this Python"""
    standalone: StandaloneInterpreters | None = None
    """None: the interpreter is Debian's"""
    brought: Mapping[str, str] = {}
    """Debian packages that what is installed needs where it runs, each with the reason, for people"""
    removed: Sequence[RemovedImport] = ()
    """imports that fail: the application's, of modules that the image's Python has lost, and any that nothing brings"""
    is_fit: bool = False
    """whether nothing that is imported is known to be lost, in dependencies either"""

    @property
    def python(self) -> str:
        """For people: the image's Python, as exactly as it is known."""
        if self.standalone is None:
            return self.target.python
        found = self.standalone.image
        return f"{found.version} (standalone{f', build {found.build}' if found.build else ''})"

    def removed_by_wheels(self, context: Context) -> Sequence[RemovedImport]:
        """Return such imports of the dependencies, as far as their wheels are in the store."""

        def fetch(file: PythonFile) -> Path:
            return require(context.store.sound_download(file.sha256), file.file)

        if self.is_fit:
            return ()
        try:
            return find_wheel_imports(context.store, self.application, self.wheels.files, self.target.python, fetch)
        except MissingError:  # an older build left nothing of a wheel but its layer
            return ()

    def files(self, context: Context) -> tuple[str, ...]:
        """Return the files and directories of the host that the image depends on."""
        project = self.application.project
        # What requirement files get from the environment, no stat can tell: /proc/self/environ is never as it was.
        environ = ("/proc/self/environ",) if read_listed(context, self.uv, self.application).variables else ()
        local = python.local_files(context, self.wheels.files, project.directory) if project is not None else ()
        packages = python.find_local_packages(project.directory if project is not None else None, self.uv.environment)
        return (*self.application.files, *environ, *local, *map(str, packages))


def resolve_platforms(
    context: Context, request: Request, settings: Settings, uv: Uv, subscriber: Subscriber
) -> tuple[Resolution, ...]:
    """Resolve what ``request`` names on each of its platforms, on the first suite whose Python has all wheels."""
    warn_of_nested(request.origin, context.progress)

    def resolve_attempt(attempt: Attempt) -> tuple[Resolution, ...]:
        more, refuses = attempt.has_alternatives, attempt.refuses_removed
        found = (
            resolve(
                *(context, request, settings, target, uv, subscriber), has_alternatives=more, refuses_removed=refuses
            )
            for target in attempt.targets
        )
        return tuple(replace(one, why=attempt.why) for one in found)

    return resolve_suites(context, request, settings, uv, resolve_attempt)


def resolve(
    context: Context,
    request: Request,
    settings: Settings,
    target: Target,
    uv: Uv,
    subscriber: Subscriber,
    *,
    has_alternatives: bool = False,
    refuses_removed: bool = False,
) -> Resolution:
    """Resolve what ``request`` names on one platform.

    The request's lock answers if it fits; otherwise the archive and the index do, with a warning, or an error if the
    request insists on its lock. ``subscriber`` hears what is known early. Raises SettingsError for a stale lock, and
    what loading the application and asking archive and index raise.
    """
    host = _host(target)
    if request.lock is None:
        if request.locked:
            raise SettingsError("cannot build with --locked: there is no lock", hint="create one: grocker lock")
        return _ask(context, request, settings, target, host, uv, subscriber, has_alternatives, refuses_removed)
    locked = request.lock.of(target.platform)
    _refuse_other_build(request, settings)
    held = LockedApplication(build=request.lock.build, files=locked.python if locked else None)
    application = load_application(_application(context, request, settings, target, uv, held, subscriber))
    current = locks.inputs(request, settings, application, target)
    problem = locks.misfit(request.lock, current, target.platform) or locks.local_change(context, application, locked)
    listed = read_listed(context, uv, application)
    uv = uv.with_options(listed.index_options, listed.places)
    if locked is None or problem is not None:
        message, remedy = problem or ("", "")
        if request.locked:
            raise SettingsError(message, hint=f"{remedy}; or build without --locked")
        context.progress.warn(f"{message}; resolving without it", hint=remedy)
        return _ask(context, request, settings, target, host, uv, subscriber, has_alternatives, refuses_removed)
    packages = locks.debian_answer(context, settings, target, locked)
    subscriber.debian_resolved(packages, host)
    compiling = packages if host == target else _compiling(context, request, request.lock, settings, host)
    if not target.standalone:
        subscriber.interpreter_resolved(compiling, host)
    source = standalone_source(context, request, uv)
    toolchain = DebianToolchain(context, settings, target, standalone=source)
    submodules = settings.build.submodules
    wheels = locks.python_answer(
        context, uv, application, target, locked, toolchain, refresh=request.refresh, submodules=submodules
    )
    services, static = _static(context, settings, application, target, uv, lambda: packages, wheels, toolchain)
    if lacking := set(_needed(services)) - {package.name for package in packages.packages}:
        message = f"{LOCK} is stale: it has no {', '.join(lacking)}, which serves Django's static files"
        remedy = "recreate it: grocker lock"
        if request.locked:
            raise SettingsError(message, hint=remedy)
        context.progress.warn(f"{message}; resolving without it", hint=remedy)
        return _ask(context, request, settings, target, host, uv, subscriber, has_alternatives, refuses_removed)
    names = {package.name for package in packages.packages}
    brought = {name: why for name, why in _brought(settings, application, wheels, target).items() if name in names}
    only = replace(request.lock.only(target.platform), not_reproducible=locks.not_reproducible(application))
    interpreters = _interpreters(source, target, host)
    return Resolution(
        *(target, uv, application, services, static, packages, compiling, wheels, only, LOCK),
        standalone=interpreters,
        brought=brought,
        removed=find_removed_imports(application, wheels.files, target.python),
    )


def _ask(
    context: Context,
    request: Request,
    settings: Settings,
    target: Target,
    host: Target,
    uv: Uv,
    subscriber: Subscriber,
    has_alternatives: bool,
    refuses_removed: bool,
) -> Resolution:
    """Ask the archive and the index at the same time."""
    declared = proxy_packages({name: bool(s.static or s.media) for name, s in settings.services.items()})
    project = request.origin.path.name if request.origin.path is not None else ""
    about = request.origin.text, project, target.platform, target.suite.name, target.standalone, declared
    guess = cache_key("packages needed", *about)
    expected = context.store.kept_as("steps", guess, tuple[str, ...]) or declared

    def ask_archive(more: Sequence[str]) -> tuple[DebianAnswer, DebianAnswer]:
        packages = resolve_packages(context, settings, more, target, refresh=request.refresh)
        subscriber.debian_resolved(packages, host)
        compiling = packages
        if host != target:
            compiling = resolve_packages(context, settings, (), host, refresh=request.refresh)
        if not target.standalone:
            subscriber.interpreter_resolved(compiling, host)
        return packages, compiling

    source = standalone_source(context, request, uv)
    toolchain = DebianToolchain(context, settings, target, request.refresh, source)

    with ThreadPoolExecutor(1, thread_name_prefix="archive") as beside:
        archive = beside.submit(ask_archive, expected)
        unlocked = LockedApplication()
        application = load_application(_application(context, request, settings, target, uv, unlocked, subscriber))
        resolve_them = partial(
            resolve_wheels,
            *(context, uv, application, target, toolchain),
            constraints=request.constraints,
            refresh=request.refresh,
            ignore_lock=request.ignore_lock,
            keep_missing=has_alternatives,
            submodules=settings.build.submodules,
        )
        listed = read_listed(context, uv, application)
        uv = uv.with_options(listed.index_options, listed.places)  # it knows the credentials that the files name
        wheels, removed, in_wheels = with_undeclared(context, uv, application, target, resolve_them)
        if refuses_removed:
            lost = [one for one in (*removed, *in_wheels) if one.module not in UNDECLARED]
            if lost:
                raise UnfitPythonError(lost[0].problem)
            removed = (*removed, *in_wheels)
        packages, compiling = archive.result()
    own = (application.file,) if application.file else ()
    brought = _brought(settings, application, wheels, target)
    libraries = {*application.libraries, *(name for file in (*wheels.files, *own) for name in file.libraries), *brought}

    def below_wheels() -> DebianAnswer:
        names = tuple(sorted(libraries))
        return (
            packages
            if expected == names
            else resolve_packages(context, settings, names, target, refresh=request.refresh)
        )

    services, static = _static(context, settings, application, target, uv, below_wheels, wheels, toolchain)
    needed = tuple(sorted({*application.services.packages, *_needed(services), *libraries}))
    if needed != expected:  # the application's own files declare its services, and wheels were compiled
        packages, compiling = ask_archive(needed)
        context.store.keep("steps", guess, msgspec.json.encode(needed))
    inputs = locks.inputs(request, settings, application, target)
    interpreters = _interpreters(source, target, host)
    lock = locks.create(target, application, packages, wheels, inputs, interpreters.image if interpreters else None)
    versions = versions_source(application, ignore_lock=request.ignore_lock)
    return Resolution(
        *(target, uv, application, services, static, packages, compiling, wheels, lock, versions),
        standalone=interpreters,
        brought=brought,
        removed=removed,
        is_fit=refuses_removed,
    )


def _brought(settings: Settings, application: Application, wheels: PythonAnswer, target: Target) -> dict[str, str]:
    """Return the packages that the settings do not name and that what is installed needs, with reasons."""
    installed = application.installed
    distributions = {installed.name, *(file.name for file in wheels.files)}
    found = find_run_packages(distributions, installed.entries, installed.site)
    named = {text.partition("=")[0] for text in settings.dependencies}
    own = {target.suite.name_run_package(name): why for name, why in found.items()}
    return {name: why for name, why in own.items() if name not in named}


def _application(
    context: Context,
    request: Request,
    settings: Settings,
    target: Target,
    uv: Uv,
    locked: LockedApplication,
    subscriber: Subscriber,
) -> ApplicationRequest:
    return ApplicationRequest(
        context=context,
        uv=uv,
        origin=request.origin,
        settings=settings,
        target=target,
        epoch=request.epoch,
        locked=locked,
        refresh=request.refresh,
        strict=request.strict,
        backend_started=subscriber.backend_started,
        standalone=standalone_source(context, request, uv),
    )


def _static(
    context: Context,
    settings: Settings,
    application: Application,
    target: Target,
    uv: Uv,
    packages: Callable[[], DebianAnswer],
    wheels: PythonAnswer,
    toolchain: DebianToolchain,
) -> tuple[Mapping[str, spec.Service], StaticFiles | None]:
    """Return the services with the directories of their static files, and what Django collected."""

    def fetch(file: PythonFile) -> Path:
        return download_wheel(context, uv, file, wheels.urls.get(file.sha256, ""))

    site = wheel_target(target).scheme().site if application.roots else None
    services = with_static(context.store, application.services, application.installed, wheels.files, fetch, site=site)
    static = collect_static(context, settings, application, packages, wheels, toolchain, fetch)
    if static is not None:
        return shown_static(services, application.services.static, static), static
    return services, None


def _needed(services: Mapping[str, spec.Service]) -> tuple[str, ...]:
    return proxy_packages({name: bool(one.static) or one.media for name, one in services.items()})


def _host(target: Target) -> Target:
    """Return the same suite on this host's architecture: its interpreter compiles."""
    machine = os.uname().machine
    architecture = BY_MACHINE.get(machine)
    if architecture is None:
        raise SettingsError(
            f"cannot build on {machine}: Grocker runs the image's interpreter here to compile bytecode",
            hint=f"build on {' or '.join(sorted(BY_MACHINE))}; either builds for every platform",
        )
    return replace(target, architecture=architecture.name)


def _interpreters(source: StandaloneSource, target: Target, host: Target) -> StandaloneInterpreters | None:
    """Return the standalone interpreter of the image, and the same one of this host's architecture."""
    if not target.standalone:
        return None
    image = source.find(target)
    return StandaloneInterpreters(source, image, image if host == target else source.find(host))


def _compiling(context: Context, request: Request, lock: Lock, settings: Settings, host: Target) -> DebianAnswer:
    """Return the packages of the host's interpreter: the lock's if it covers this platform, else the archive's."""
    locked = lock.of(host.platform)
    if locked is not None:
        return locks.debian_answer(context, settings, host, locked)
    return resolve_packages(context, settings, (), host, refresh=request.refresh)


def _refuse_other_build(request: Request, settings: Settings) -> None:
    """Raise SettingsError if ``--locked`` would run a back end that is not in the lock, before anything is executed."""
    if not request.locked or request.lock is None or request.origin.kind != "project":
        return
    assert request.origin.path is not None
    if is_tree(request.origin.path, settings):
        return
    if request.lock.inputs.get("build") != locks.build_input(python.read_project(request.origin.path)):
        raise SettingsError(
            f"{LOCK} is stale: [build-system] in pyproject.toml changed since it was written",
            hint="recreate it: grocker lock",
        )
