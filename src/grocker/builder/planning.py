"""Plan a build, and remember the plan to explain the next one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from grocker import digest
from grocker.config.settings import Settings
from grocker.inputs.removed_imports import RemovedImport
from grocker.inputs.request import Request
from grocker.layers import runner
from grocker.layers.application import find_data, hash_entries
from grocker.layers.configured import Scripts
from grocker.lock.values import VERSION, Lock
from grocker.plan.explain import Explained, Remembered, explain, remembered
from grocker.plan.plan import Plan, plan
from grocker.plan.subject import StaticPlace, Subject
from grocker.platforms.removed_modules import UNDECLARED, removed_modules
from grocker.platforms.suites import SUITES
from grocker.progress import Progress
from grocker.resolve.resolve import Resolution
from grocker.store import Store
from grocker.tar.keys import cache_key


def plan_image(store: Store, request: Request, settings: Settings, resolution: Resolution, scripts: Scripts) -> Plan:
    """Plan the image of what was resolved; ``scripts``: the maintainer scripts that run."""
    digest = runner.digest(store)
    subject = _subject(resolution, scripts)
    text = _lock_text(store, resolution.lock)
    return plan(subject, settings, labels=request.labels, runner=digest, lock_text=text, epoch=request.epoch)


def _lock_text(store: Store, lock: Lock) -> str:
    """Return the lock as the image gets it; kept, because a rebuild mostly has the same one."""
    key = cache_key("lock", VERSION, msgspec.to_builtins(lock))
    kept = store.kept_as("steps", key, str)
    if kept is not None:
        return kept
    from grocker.lock.document import render

    text = render(lock)
    store.keep("steps", key, msgspec.json.encode(text))
    return text


def warn_of_removed(progress: Progress, resolution: Resolution, more: Sequence[RemovedImport] = ()) -> None:
    """Warn of imports that fail, because the Python that something asks for has lost the module.

    ``more``: those of dependencies.
    """
    found = [one for one in (*resolution.removed, *more) if one.module not in UNDECLARED]
    for one in (*resolution.removed, *more):
        if one.module in UNDECLARED:
            progress.warn(one.problem, f"require {UNDECLARED[one.module]}, and versions of the others that permit it")
            break
    if not found:
        return
    one, *others = found
    fitting = next((row for row in SUITES.values() if one.module not in removed_modules(row.python)), None)
    rest = f"; and {len(others)} more" if others else ""
    choice = f'set python = "{fitting.python}" in [tool.grocker]' if fitting is not None else "replace the import"
    progress.warn(f"{one.problem}{rest} ({resolution.why})", f"{choice}{one.remedy}")


def remember(store: Store, resolution: Resolution, plan: Plan) -> None:
    """Keep an executed plan, for the next explanation."""
    store.keep("steps", _key(resolution), msgspec.json.encode(remembered(plan.layers)))


def explain_plan(store: Store, resolution: Resolution, plan: Plan) -> tuple[Explained, ...]:
    """Explain why each layer will or will not be built, compared with the last executed plan."""
    kept = {layer.key for layer in plan.layers if store.kept("steps", layer.key) is not None}
    data = store.kept("steps", _key(resolution))
    last = msgspec.json.decode(data, type=Remembered) if data is not None else None
    return explain(plan.layers, kept, last)


def _subject(resolution: Resolution, scripts: Scripts) -> Subject:
    application, target = resolution.application, resolution.target
    installed = application.installed
    return Subject(
        name=installed.metadata.name,
        title=f"{installed.name} {installed.version}",
        version=installed.version,
        extras=application.extras,
        commands=application.commands,
        services=resolution.services,
        any_service=application.services.any_service,
        django_settings_module=application.django_settings_module,
        base_config=application.base_config,
        crontab=application.crontab,
        wheel=application.wheel,
        platform=target.platform,
        python=target.python,
        lock=resolution.lock,
        compiling=resolution.compiling.packages,
        standalone=resolution.standalone.image if resolution.standalone else None,
        compiling_standalone=resolution.standalone.compiling if resolution.standalone else None,
        has_getconf=any(file.name == "getconf" for file in resolution.wheels.files),
        directory=application.directory,
        writable=tuple(one.text for one in application.writable),
        data=_data(resolution),
        static=_static(resolution),
        scripts=scripts.packages,
        tools=scripts.digests,
    )


def _data(resolution: Resolution) -> str:
    collected = resolution.static.paths if resolution.static is not None else frozenset()
    found = find_data(resolution.application.installed.entries, collected)
    return hash_entries(found) if found else ""


def _static(resolution: Resolution) -> StaticPlace | None:
    files = resolution.static
    if files is None:
        return None
    own = (entry.path for entry in resolution.application.installed.entries)
    return StaticPlace(files.place, files.digest, hide=not files.paths.isdisjoint(own))


def _key(resolution: Resolution) -> str:
    """Return the key of the one plan that is kept for each application and platform."""
    target = resolution.target
    name = f"{resolution.application.installed.name} {target.suite.name} {target.platform}"
    return f"plan-{digest.hexadecimal(digest.of(name.encode()))}"
