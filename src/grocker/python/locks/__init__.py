"""The lock files that a project may have: each format is one module here, named in ``FORMATS``.

A module finds its file in a directory and reads the pins in it. A format with versions and hashes but
without addresses gets them from ``resolution.resolve(…, with_dependencies=False)``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

import msgspec

if TYPE_CHECKING:
    from grocker.python.project import Project
    from grocker.python.pylock import Pin, WheelBuilder
    from grocker.python.target import WheelTarget
    from grocker.python.uv import Uv


class LockFormat(Protocol):
    """The interface of each module of this package."""

    def find(self, directory: Path) -> Path | None:
        """The lock file of the project in ``directory``; None when it has none of this format."""

    def read(
        self,
        path: Path,
        project: Project,
        target: WheelTarget,
        uv: Uv,
        *,
        workspace: Path,
        extras: Sequence[str],
        groups: Sequence[str] = (),
        builder: WheelBuilder | None = None,
    ) -> tuple[Pin, ...]:
        """The wheels that the lock file at ``path`` pins for ``target`` with ``extras`` and ``groups`` of the project.

        Other groups and the project itself are left out. ``workspace``: a scratch directory.
        ``builder``: builds wheels from sdists.
        Raises StaleLockError; SettingsError for a lock file that is malformed; and what ``resolution.resolve`` raises.
        """


FORMATS: Mapping[str, str] = MappingProxyType(
    {"uv": "", "pylock": "pylock.", "poetry": "poetry.lock", "pdm": "pdm.lock", "pipfile": "Pipfile.lock"}
)
"""Modules of this package, in order of precedence: of several lock files in a directory, the first counts.

Each with the beginning of its file's name, so that it is imported where there is one; empty: it may lie elsewhere.
"""


def load_format(name: str) -> LockFormat:
    """Import one of ``FORMATS``."""
    return cast("LockFormat", import_module(f"grocker.python.locks.{name}"))


class LockFile(msgspec.Struct, frozen=True):
    """A project's own lock file."""

    format: str
    """one of ``FORMATS``"""
    path: Path


def find_lock(directory: Path) -> LockFile | None:
    """The lock file of the project in ``directory``, if it has one."""
    try:
        there = os.listdir(directory)
    except OSError:
        there = []
    for name, begins in FORMATS.items():
        if begins and not any(one.startswith(begins) for one in there):
            continue
        path = load_format(name).find(directory)
        if path is not None:
            return LockFile(name, path)
    return None


def read_declared(
    project: Project, lock: LockFile, extras: Sequence[str] = (), groups: Sequence[str] = ()
) -> tuple[str, ...]:
    """What the project declares (PEP 508), extras and groups among it; nothing of ``lock`` counts but its format."""
    from grocker.python.groups import group_requirements
    from grocker.python.locks import poetry
    from grocker.python.locks.pinned import load_document

    pyproject = load_document(path) if (path := project.directory / "pyproject.toml").is_file() else {}
    if lock.format == "poetry":
        declared = poetry.read_declared(project, pyproject, extras)
    else:
        optional = dict(project.extras)
        declared = [*(project.dependencies or ()), *(text for extra in extras for text in optional.get(extra, ()))]
    return (*declared, *group_requirements(project.directory, groups))


def resolve_locked(
    project: Project,
    lock: LockFile,
    target: WheelTarget,
    uv: Uv,
    *,
    workspace: Path,
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
    additions: Sequence[str] = (),
    builder: WheelBuilder | None = None,
) -> tuple[Pin, ...]:
    """What ``lock`` pins for ``target``, and ``additions`` resolved with those pins as constraints; sorted by name.

    ``builder``: builds the wheels of packages that have an sdist alone.
    Raises as ``LockFormat.read`` and ``resolution.resolve``.
    """
    from grocker.python.pylock import CompiledError
    from grocker.python.resolution import explain_compiled

    try:
        pins = load_format(lock.format).read(
            lock.path, project, target, uv, workspace=workspace, extras=extras, groups=groups, builder=builder
        )
    except CompiledError as error:
        told = explain_compiled(error, target, uv, workspace=workspace, directory=project.directory)
        raise CompiledError(told.message, hint=_in_a_lock(str(told.hint), lock), packages=told.packages) from error
    return add_requirements(
        pins, additions, target, uv, workspace=workspace, directory=project.directory, builder=builder
    )


def _in_a_lock(hint: str, lock: LockFile) -> str:
    """The hint for packages without wheels, for a project whose lock pins files: these change with the lock alone."""
    if lock.format == "uv":
        where = f" of {lock.path.parent / 'pyproject.toml'}"
        return hint.replace("in [tool.uv]", f"in [tool.uv]{where}, then run: uv lock")
    return re.sub(r"[,;]? or build one on a machine.*", "", hint) + f"; then update {lock.path.name}"


def _is_pinned(text: str, pins: Sequence[Pin]) -> bool:
    """Whether a pin satisfies a requirement; its own dependencies are pinned then too, which extras may not be."""
    from grocker.python.metadata import normalise_name
    from grocker.python.requirements import parse_requirement

    wanted = parse_requirement(text)
    return not wanted.extras and any(
        pin.name == normalise_name(wanted.name)
        and not pin.source
        and wanted.specifier.contains(pin.version, prereleases=True)
        for pin in pins
    )


def add_requirements(
    pins: tuple[Pin, ...],
    additions: Sequence[str],
    target: WheelTarget,
    uv: Uv,
    *,
    workspace: Path,
    directory: Path | None,
    builder: WheelBuilder | None = None,
) -> tuple[Pin, ...]:
    """Resolve ``additions`` with ``pins`` as they are; both together, sorted by name. Raises as ``resolve``."""
    names = {pin.name for pin in pins}
    missing = [text for text in additions if not _is_pinned(text, pins)]
    if not missing:
        return pins
    from grocker.python.resolution import resolve

    more = resolve(
        missing,
        target,
        uv,
        workspace=workspace,
        constraints=[f"{pin.name}=={pin.version}" for pin in pins if not pin.source],
        directory=directory,
        builder=builder,
    )
    return tuple(sorted((*pins, *(pin for pin in more if pin.name not in names)), key=lambda pin: pin.name))
