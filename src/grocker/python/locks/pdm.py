"""``pdm.lock`` (pdm's documentation, "Lock file"; format 4)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from grocker import local_file
from grocker.python.groups import group_requirements
from grocker.python.locks.pinned import LockedPackage, add_indexes, load_document, read_packages, resolve_pinned
from grocker.python.project import Project
from grocker.python.pylock import Pin, WheelBuilder
from grocker.python.target import WheelTarget
from grocker.python.uv import Uv

find = partial(local_file.find, "pdm.lock")
"""See ``LockFormat.find``."""


def read(
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
    """Read the wheels that the lock file pins; see ``LockFormat.read``."""
    declared, packages = read_pins(path, project, extras, groups)
    return resolve_pinned(
        declared,
        packages,
        target,
        add_indexes(uv, _sources(project.directory), "pyproject.toml [tool.pdm]"),
        lock=path,
        workspace=workspace,
        directory=project.directory,
        remedy="pdm lock",
        builder=builder,
    )


def read_pins(
    path: Path, project: Project, extras: Sequence[str], groups: Sequence[str] = ()
) -> tuple[list[str], tuple[LockedPackage, ...]]:
    """Read what the project declares (PEP 508), and the packages that the lock has. Raises SettingsError."""
    optional = dict(project.extras)
    chosen = [text for extra in extras for text in optional.get(extra, ())]
    declared = [*(project.dependencies or ()), *chosen, *group_requirements(project.directory, groups)]
    # A package with extras has a second table for them.
    installed = frozenset({"default", *extras, *groups})
    return declared, tuple(dict.fromkeys(read_packages(load_document(path), path, installed)))


def _sources(directory: Path) -> object:
    path = directory / "pyproject.toml"
    document = load_document(path) if path.is_file() else {}
    return document.get("tool", {}).get("pdm", {}).get("source")
