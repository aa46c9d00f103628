"""What can be decided about an image before anything is made: ``plan`` prints it, ``build`` carries it out."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from grocker import __version__, digest
from grocker.builder import contents, sourcing
from grocker.builder.request import Request
from grocker.builder.resolving import DebianAnswer, PythonAnswer, debian_packages
from grocker.builder.sourcing import Source
from grocker.builder.workshop import Workshop
from grocker.config.settings import Settings
from grocker.errors import SettingsError
from grocker.lock.document import render
from grocker.lock.values import Base, Interpreter, Lock
from grocker.plan.steps import Application, Plan, key, plan
from grocker.plan.target import MACHINES, Target
from grocker.runner import spec


@dataclass(frozen=True, slots=True)
class Decision:
    """One image on one platform, decided."""

    target: Target
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
    """Resolve what ``request`` names on one platform and plan its layers. Raises GrockerError."""
    with ThreadPoolExecutor(1) as beside:
        archive = beside.submit(_archive, shop, settings, chosen, refresh=request.refresh)
        source = sourcing.source(shop, request.origin, settings, chosen, refresh=request.refresh)
        index = sourcing.dependencies(shop, source, settings, chosen, refresh=request.refresh)
        packages, compiling = archive.result()
    lock = _lock(chosen, source, packages, index)
    lock_text = render(lock)
    described = _described(settings, source)
    application = Application(
        wheel=source.wheel,
        subject=f"{source.installed.name} {source.installed.version}",
        image_json=spec.encode(described),
        settings_ini=contents.base_config(*source.base_config),
    )
    planned = plan(
        lock,
        application,
        compiling=compiling.packages,
        runner=contents.runner_digest(),
        lock_text=lock_text,
        user=(described.user.name, described.user.uid),
        epoch=request.epoch,
    )
    return Decision(chosen, source, packages, compiling, index, lock, lock_text, described, application, planned)


def _archive(shop: Workshop, settings: Settings, chosen: Target, *, refresh: bool) -> tuple[DebianAnswer, DebianAnswer]:
    """The image's packages, and those whose interpreter runs on this host."""
    packages = debian_packages(shop, settings, chosen, refresh=refresh)
    machine = os.uname().machine
    host = MACHINES.get(machine)
    if host is None:
        raise SettingsError(
            f"Grocker does not build on {machine}: the image's interpreter must run here to compile",
            hint=f"build on {' or '.join(sorted(MACHINES))}, for any platform",
        )
    if host == chosen.architecture:
        return packages, packages
    return packages, debian_packages(shop, settings, Target(chosen.suite, host), refresh=refresh)


def _lock(chosen: Target, source: Source, packages: DebianAnswer, index: PythonAnswer) -> Lock:
    suite = chosen.suite
    inputs = key("inputs", suite.name, chosen.platform, source.installed.metadata.requires, source.services.servers)
    return Lock(
        platform=chosen.platform,
        base=Base("debian", suite.name),
        interpreter=Interpreter("cpython", suite.python, f"debian:{suite.name}"),
        debian=tuple(sorted(packages.packages)),
        python=tuple(sorted((*index.files, *([source.file] if source.file else ())))),
        build=tuple(sorted(source.build)),
        inputs=digest.from_hex(inputs),
    )


def _described(settings: Settings, source: Source) -> spec.Spec:
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
            services=dict(source.services.table),
            any_service=source.services.any_service,
            django_settings_module=source.django_settings_module,
            variables=dict(sorted(settings.env.items())),
        )
    except spec.SpecError as error:
        raise SettingsError(str(error), hint="mend the settings of the project") from error
