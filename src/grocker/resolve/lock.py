"""The lock of an application: whether it fits, and its answers instead of the archive's and the index's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from grocker import debian, digest, local_file, python
from grocker.config.settings import Settings
from grocker.context import Context
from grocker.errors import SettingsError
from grocker.inputs.application import Application
from grocker.inputs.archive import find_mirrors
from grocker.inputs.index import index_key, rebuild_wheels, wheel_target
from grocker.inputs.pin_file import find_pin_file
from grocker.inputs.request import Request
from grocker.lock.answers import DebianAnswer, PythonAnswer
from grocker.lock.values import NAME, Base, Interpreter, Lock, PlatformLock, StandalonePython
from grocker.platforms.interpreters import STANDALONE
from grocker.platforms.target import Target
from grocker.resolve.debian import package_names
from grocker.store.answers import recent_answer
from grocker.tar.keys import cache_key


def read(path: Path) -> Lock | None:
    """Read the lock at ``path``; None if there is none. Raises SettingsError if it is malformed."""
    try:
        text = local_file.read_text(path)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"reading {path}: {error}", hint="recreate it: grocker lock") from error
    from grocker.lock import document

    return document.parse(text, place=path.name)


def inputs(request: Request, settings: Settings, application: Application, target: Target) -> dict[str, str]:
    """Return the inputs from which a lock is resolved, by name: the lock fits as long as they stay the same."""
    requires = sorted(application.installed.metadata.requires)
    result = {
        "debian": _digest([target.suite.name, *package_names(settings, target, application.services.packages)]),
        "requirements": _digest([*requires, "", *application.extras, "", *application.services.servers]),
    }
    if target.standalone:
        result["python"] = target.standalone
    pin_file = find_pin_file(application, ignore_lock=request.ignore_lock)
    files = python.read_requirement_files((*application.requirement_files, *((pin_file,) if pin_file else ())))
    if files:
        result["requirement files"] = _digest([digest.of(files[path]) for path in sorted(files)])
    if request.origin.kind == "release":
        result["release"] = request.origin.requirement
    if application.project is not None:
        result["build"] = build_input(application.project)
        own = python.find_lock(application.project.directory) if not request.ignore_lock else None
        if own is not None:
            result[own.path.name] = digest.of(local_file.read(own.path))
        if application.groups:
            groups = python.group_requirements(application.project.directory, application.groups) if own is None else ()
            result["groups"] = _digest([*application.groups, "", *groups])
    return result


def build_input(project: python.Project) -> str:
    """Return what the back end's environment is resolved from."""
    return _digest(project.build_requires)


def create(
    target: Target,
    application: Application,
    packages: DebianAnswer,
    wheels: PythonAnswer,
    inputs: Mapping[str, str],
    standalone: StandalonePython | None = None,
) -> Lock:
    """Create the lock of one platform; ``standalone``: its interpreter, if it is not Debian's."""
    suite = target.suite
    files = tuple(sorted((*wheels.files, *([application.file] if application.file else ()))))
    return Lock(
        inputs=dict(inputs),
        base=Base("debian", suite.name),
        interpreter=Interpreter("cpython", target.python, STANDALONE.name if standalone else f"debian:{suite.name}"),
        platforms=(PlatformLock(target.platform, tuple(sorted(packages.packages)), files, standalone),),
        build=tuple(sorted(application.build)),
        not_reproducible=not_reproducible(application),
    )


def not_reproducible(application: Application) -> tuple[str, ...]:
    """Return the settings whose steps had a network."""
    produced = application.produced
    return ("build.commands",) if produced is not None and produced.has_network else ()


def misfit(lock: Lock, current: Mapping[str, str], platform: str) -> tuple[str, str] | None:
    """Return what is wrong with ``lock`` and what to do; None if it fits.

    ``current``: today's inputs, by name. The lock may be made from others, or not for ``platform``.
    """
    changed = [name for name in sorted({*lock.inputs, *current}) if lock.inputs.get(name) != current.get(name)]
    if changed:
        return (
            f"{NAME} is stale: {', '.join(changed)} changed since it was written",
            "recreate it: grocker lock",
        )
    if lock.of(platform) is None:
        platforms = sorted({platform, *(one.platform for one in lock.platforms)})
        remedy = " ".join(f"--platform {name}" for name in platforms)
        return f"{NAME} does not cover {platform}", f"recreate it for all platforms: grocker lock {remedy}"
    return None


def local_change(context: Context, application: Application, locked: PlatformLock | None) -> tuple[str, str] | None:
    """Return which directory or file of this host that a locked wheel comes from has changed, and what to do."""
    directory = application.project.directory if application.project else Path()
    for file in locked.python if locked is not None else ():
        if not python.is_current(context, file, directory):
            place = file.source.removeprefix(python.PATH)
            return f"{NAME} is stale: {place} changed since it was written", "recreate it: grocker lock"
    return None


def debian_answer(context: Context, settings: Settings, target: Target, locked: PlatformLock) -> DebianAnswer:
    """Return the lock's packages, all of which Debian signed, and where this host's archive has them.

    Raises as ``signatures.require_signed``.
    """
    from grocker.resolve.signatures import require_signed

    mirrors = find_mirrors(context, settings)
    addresses = require_signed(context, mirrors, target, locked.debian)
    if addresses is None:
        addresses = debian.archive_addresses(mirrors, target.suite.name)
    return DebianAnswer(context.now, locked.debian, addresses)


def python_answer(
    context: Context,
    uv: python.Uv,
    application: Application,
    target: Target,
    locked: PlatformLock,
    toolchain: python.Toolchain,
    *,
    refresh: bool = False,
    submodules: bool = False,
) -> PythonAnswer:
    """Return the lock's wheels without the application's own; ask the index only for those missing from the store.

    Wheels that were built here and are not in the store are built again. ``refresh``: ask it again within a day.
    """
    files = tuple(f for f in locked.python if f.sha256 != application.wheel)
    directory = application.project.directory if application.project else None
    rebuild_wheels(context, uv, files, wheel_target(target), toolchain, directory=directory, submodules=submodules)
    missing = [f for f in files if context.store.download(f.sha256) is None]
    if not missing:
        return PythonAnswer(context.now, files, {})

    def ask() -> PythonAnswer:
        with context.store.scratch() as scratch, context.progress.task("asking the index for the locked wheels"):
            urls = python.find_addresses(missing, wheel_target(target), uv, workspace=scratch, directory=directory)
        return PythonAnswer(context.now, files, {str(key): url for key, url in urls.items()})

    key = cache_key("addresses", [f.sha256 for f in missing], str(wheel_target(target)), index_key(directory, uv))
    kept = recent_answer(context.store, key, PythonAnswer, ask, now=context.now, refresh=refresh)
    return PythonAnswer(context.now, files, kept.urls)


def _digest(words: Sequence[str]) -> str:
    return "sha256:" + hashlib.sha256(msgspec.json.encode(words)).hexdigest()
