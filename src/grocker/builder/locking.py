"""The lock of an application: whether it still fits, what it answers in the place of archive and index."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from grocker import debian, digest, python
from grocker.builder.request import Request
from grocker.builder.resolving import DebianAnswer, PythonAnswer, mirrors, package_names, python_target
from grocker.builder.sourcing import Source, find_uv
from grocker.builder.workshop import Workshop
from grocker.config.settings import Settings
from grocker.errors import SettingsError
from grocker.lock import document
from grocker.lock.values import Lock, PlatformLock
from grocker.platforms.target import Target


def read(path: Path) -> Lock | None:
    """The lock at ``path``, None when there is none. SettingsError when it is malformed."""
    try:
        return document.parse(path.read_text("utf-8"), place=path.name)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"reading {path}: {error}", hint="make it again: grocker lock") from error


def inputs(request: Request, settings: Settings, source: Source, target: Target) -> dict[str, str]:
    """What a lock is resolved from, by name; it fits as long as these are the same."""
    requires = sorted(source.installed.metadata.requires)
    result = {
        "debian": _digest([target.suite.name, *package_names(settings, source.services.packages)]),
        "requirements": _digest([*requires, "", *source.extras, "", *source.services.servers]),
    }
    if request.origin.kind == "release":
        result["release"] = request.origin.requirement
    if source.project is not None:
        result["build"] = build_input(source.project)
        if source.project.uv_lock is not None:
            result["uv.lock"] = digest.of(source.project.uv_lock.read_bytes())
    return result


def build_input(project: python.Project) -> str:
    """What the back end's environment is resolved from."""
    return _digest(project.build_requires)


def misfit(lock: Lock, current: Mapping[str, str], platform: str) -> tuple[str, str] | None:
    """What is wrong with ``lock`` and what to do; None when it fits.

    ``current``: the inputs of today, by name; the lock may be made from others, or not for ``platform``.
    """
    changed = [name for name in sorted({*lock.inputs, *current}) if lock.inputs.get(name) != current.get(name)]
    if changed:
        return (
            f"{document.NAME} is stale: changed since it was made: {', '.join(changed)}",
            "make it again: grocker lock",
        )
    if lock.of(platform) is None:
        wanted = sorted({platform, *(one.platform for one in lock.platforms)})
        remedy = " ".join(f"--platform {name}" for name in wanted)
        return f"{document.NAME} has nothing for {platform}", f"make it for all of them: grocker lock {remedy}"
    return None


def debian_answer(shop: Workshop, settings: Settings, target: Target, held: PlatformLock) -> DebianAnswer:
    """The lock's packages, and where this host's archive has them."""
    addresses = debian.archive_addresses(mirrors(shop, settings), target.suite.name)
    return DebianAnswer(shop.now, held.debian, addresses)


def python_answer(
    shop: Workshop, settings: Settings, source: Source, target: Target, held: PlatformLock
) -> PythonAnswer:
    """The lock's wheels without the application's own; the index is asked for those alone that are not kept."""
    files = tuple(f for f in held.python if f.sha256 != source.wheel)
    missing = [f for f in files if shop.store.download(f.sha256) is None]
    if not missing:
        return PythonAnswer(shop.now, files, {})
    directory = source.project.directory if source.project else None
    with shop.store.scratch() as scratch, shop.progress.task("asking where the lock's wheels are"):
        uv = find_uv(shop, settings)
        urls = python.locate(missing, python_target(target), uv, workspace=scratch, directory=directory)
    return PythonAnswer(shop.now, files, {str(key): url for key, url in urls.items()})


def _digest(words: tuple[str, ...] | list[str]) -> str:
    return "sha256:" + hashlib.sha256(msgspec.json.encode(words)).hexdigest()
