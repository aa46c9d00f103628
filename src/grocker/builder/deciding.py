"""What can be decided about an image before anything is made: ``plan`` prints it, ``build`` carries it out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from msgspec.structs import replace

from grocker import __version__
from grocker.builder import contents, locking, sourcing
from grocker.builder.ahead import begin, start_interpreter
from grocker.builder.request import Request
from grocker.builder.resolving import DebianAnswer, PythonAnswer, debian_packages
from grocker.builder.sourcing import Held, Source
from grocker.builder.static_files import revision, with_static
from grocker.builder.workshop import Workshop
from grocker.config.services import front_packages
from grocker.config.settings import Settings
from grocker.errors import SettingsError
from grocker.lock.document import NAME as LOCK
from grocker.lock.document import render
from grocker.lock.values import Base, Interpreter, Lock, PlatformLock, PythonFile
from grocker.plan.layers import Application, Plan, plan
from grocker.platforms.target import MACHINES, Target
from grocker.python import Uv, read_project
from grocker.runner import spec


class Decision(msgspec.Struct, frozen=True):
    """One image on one platform, decided."""

    target: Target
    uv: Uv
    """as this build runs it: it knows the credentials of its indexes"""
    source: Source
    packages: DebianAnswer
    compiling: DebianAnswer
    """the packages whose interpreter compiles: of the host's architecture, since nothing foreign is executed"""
    index: PythonAnswer
    lock: Lock
    lock_text: str
    """as it stands in the image"""
    described: spec.Spec
    """what the runner is told"""
    application: Application
    plan: Plan


def decide(shop: Workshop, request: Request, settings: Settings, chosen: Target) -> Decision:
    """Resolve what ``request`` names on one platform and plan its layers.

    The request's lock answers where it fits; one that does not is an error, or a warning and no lock. Raises
    SettingsError for a stale lock, MissingError, UnavailableError and what else resolving and building raise.
    """
    if request.lock is None:
        if request.locked:
            raise SettingsError("--locked, and there is no lock", hint="make one: grocker lock")
        return _fresh(shop, request, settings, chosen)
    held = request.lock.of(chosen.platform)
    _refuse_other_build(request)
    source = sourcing.source(
        shop,
        request.origin,
        settings,
        chosen,
        Held(build=request.lock.build, files=held.python if held else None),
        refresh=request.refresh,
    )
    current = locking.inputs(request, settings, source, chosen)
    problem = locking.misfit(request.lock, current, chosen.platform)
    if held is None or problem is not None:
        message, remedy = problem or ("", "")
        if request.locked:
            raise SettingsError(message, hint=f"{remedy}; or build without --locked")
        shop.progress.warn(f"{message}; resolving without it", hint=remedy)
        return _fresh(shop, replace(request, lock=None), settings, chosen)
    packages = locking.debian_answer(shop, settings, chosen, held)
    host = _host(chosen)
    begin(shop, packages, runs_here=host == chosen)
    compiling = packages if host == chosen else _compiling(shop, request, settings, host)
    index = locking.python_answer(shop, settings, source, chosen, held)
    return _decision(
        shop,
        request,
        settings,
        chosen,
        sourcing.find_uv(shop, settings),
        source,
        packages,
        compiling,
        index,
        request.lock.only(chosen.platform),
    )


def _fresh(shop: Workshop, request: Request, settings: Settings, chosen: Target) -> Decision:
    """Archive and index asked at the same time."""
    expected = front_packages({name: bool(s.static or s.media) for name, s in settings.services.items()})
    with ThreadPoolExecutor(1) as beside:
        archive = beside.submit(_archive, shop, settings, expected, chosen, refresh=request.refresh)
        shop.meanwhile.append(lambda: start_interpreter(shop, archive.result()[1], _host(chosen)))
        source = sourcing.source(shop, request.origin, settings, chosen, Held(), refresh=request.refresh)
        index = sourcing.dependencies(
            shop, source, settings, chosen, constraints=request.constraints, refresh=request.refresh
        )
        packages, compiling = archive.result()
    if source.services.packages != expected:  # the application's own files declare its services
        packages, compiling = _archive(shop, settings, source.services.packages, chosen, refresh=request.refresh)
    inputs = locking.inputs(request, settings, source, chosen)
    lock = _lock(chosen, source, packages, index, inputs)
    return _decision(
        shop, request, settings, chosen, sourcing.find_uv(shop, settings), source, packages, compiling, index, lock
    )


def _decision(
    shop: Workshop,
    request: Request,
    settings: Settings,
    chosen: Target,
    uv: Uv,
    source: Source,
    packages: DebianAnswer,
    compiling: DebianAnswer,
    index: PythonAnswer,
    lock: Lock,
) -> Decision:
    lock_text = render(lock)

    def fetch(file: PythonFile) -> Path:
        return sourcing.wheel_file(shop, uv, file, index.urls.get(file.sha256, ""))

    services = with_static(shop.store, source.services, source.installed, index.files, fetch)
    wheels = (source.wheel, *(file.sha256 for file in index.files))
    described = _described(settings, source, services, revision(services.values(), wheels))
    application = Application(
        wheel=source.wheel,
        subject=f"{source.installed.name} {source.installed.version}",
        image_json=spec.encode(described),
        settings_ini=contents.base_config(*source.base_config),
        crontab=contents.checked_crontab(source.crontab, described.user.name, source.commands),
    )
    slice_ = lock.of(chosen.platform)
    assert slice_ is not None
    planned = plan(
        slice_,
        application,
        compiling=compiling.packages,
        runner=contents.runner_digest(),
        lock_text=lock_text,
        python=chosen.suite.python,
        user=(described.user.name, described.user.uid),
        epoch=request.epoch,
    )
    return Decision(chosen, uv, source, packages, compiling, index, lock, lock_text, described, application, planned)


def _archive(
    shop: Workshop, settings: Settings, more: Sequence[str], chosen: Target, *, refresh: bool
) -> tuple[DebianAnswer, DebianAnswer]:
    """The image's packages, and those whose interpreter runs on this host. ``more``: what the services need."""
    packages = debian_packages(shop, settings, more, chosen, refresh=refresh)
    host = _host(chosen)
    begin(shop, packages, runs_here=host == chosen)
    if host == chosen:
        return packages, packages
    return packages, debian_packages(shop, settings, (), host, refresh=refresh)


def _host(chosen: Target) -> Target:
    """The same suite on this host's architecture: its interpreter compiles."""
    machine = os.uname().machine
    architecture = MACHINES.get(machine)
    if architecture is None:
        raise SettingsError(
            f"Grocker does not build on {machine}: the image's interpreter must run here to compile",
            hint=f"build on {' or '.join(sorted(MACHINES))}, for any platform",
        )
    return Target(chosen.suite, architecture)


def _compiling(shop: Workshop, request: Request, settings: Settings, host: Target) -> DebianAnswer:
    """The packages of the host's interpreter: the lock's when it has this platform too, else the archive's."""
    assert request.lock is not None
    held = request.lock.of(host.platform)
    if held is not None:
        return locking.debian_answer(shop, settings, host, held)
    return debian_packages(shop, settings, (), host, refresh=request.refresh)


def _refuse_other_build(request: Request) -> None:
    """With ``--locked`` no back end runs that the lock does not hold: told before anything is executed."""
    if not request.locked or request.lock is None or request.origin.kind != "project":
        return
    assert request.origin.path is not None
    if request.lock.inputs.get("build") != locking.build_input(read_project(request.origin.path)):
        raise SettingsError(f"{LOCK} is stale: changed since it was made: build", hint="make it again: grocker lock")


def _lock(
    chosen: Target, source: Source, packages: DebianAnswer, index: PythonAnswer, inputs: Mapping[str, str]
) -> Lock:
    suite = chosen.suite
    files = tuple(sorted((*index.files, *([source.file] if source.file else ()))))
    return Lock(
        inputs=dict(inputs),
        base=Base("debian", suite.name),
        interpreter=Interpreter("cpython", suite.python, f"debian:{suite.name}"),
        platforms=(PlatformLock(chosen.platform, tuple(sorted(packages.packages)), files),),
        build=tuple(sorted(source.build)),
    )


def _described(settings: Settings, source: Source, services: Mapping[str, spec.Service], installed: str) -> spec.Spec:
    """What the runner is told."""
    name = source.installed.metadata.name
    user = settings.user
    try:
        return spec.Spec(
            name=name,
            version=source.installed.version,
            extras=source.extras,
            namespace=settings.namespace or spec.default_namespace(name),
            grocker=__version__,
            user=spec.User(name=user.name, uid=user.uid, home=f"/home/{user.name}"),
            services=services,
            any_service=source.services.any_service,
            django_settings_module=source.django_settings_module,
            variables=dict(sorted(settings.env.items())),
            crontab=spec.CRONTAB if source.crontab[0] is not None else None,
            installed=installed,
        )
    except spec.SpecError as error:
        raise SettingsError(str(error), hint="mend the settings of the project") from error
