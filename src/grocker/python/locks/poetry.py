"""``poetry.lock`` (poetry's documentation, "Dependency specification"; format 1.1 to 2.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from grocker import local_file
from grocker.python.declared_requirements import poetry_requirements
from grocker.python.groups import group_requirements
from grocker.python.locks.pinned import LockedPackage, add_indexes, load_document, read_packages, resolve_pinned
from grocker.python.project import Project
from grocker.python.pylock import Pin, WheelBuilder
from grocker.python.stale_lock import StaleLockError
from grocker.python.target import WheelTarget
from grocker.python.uv import Uv

find = partial(local_file.find, "poetry.lock")
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
    pyproject = load_document(project.directory / "pyproject.toml")
    declared, packages = read_pins(path, project, pyproject, extras, groups)
    return resolve_pinned(
        declared,
        packages,
        target,
        add_indexes(uv, pyproject.get("tool", {}).get("poetry", {}).get("source"), "pyproject.toml [tool.poetry]"),
        lock=path,
        workspace=workspace,
        directory=project.directory,
        remedy="poetry lock",
        builder=builder,
    )


def read_pins(
    path: Path, project: Project, pyproject: Mapping[str, Any], extras: Sequence[str], groups: Sequence[str] = ()
) -> tuple[list[str], tuple[LockedPackage, ...]]:
    """Read what the project declares (PEP 508), and the packages that the lock has. Raises StaleLockError."""
    document = load_document(path)
    _check_python(document, project, pyproject, path)
    declared = [*read_declared(project, pyproject, extras), *group_requirements(project.directory, groups)]
    return declared, read_packages(document, path, frozenset({"main", *groups}))


def read_declared(project: Project, pyproject: Mapping[str, Any], extras: Sequence[str]) -> list[str]:
    """The main dependencies: of ``[project]``, and of ``[tool.poetry.dependencies]``, which may add a source."""
    optional = dict(project.extras)
    found = [*(project.dependencies or ()), *(text for extra in extras for text in optional.get(extra, ()))]
    table = pyproject.get("tool", {}).get("poetry", {})
    chosen = {name for extra in extras for name in table.get("extras", {}).get(extra, [])}
    return [*found, *poetry_requirements(table, chosen)]


def _check_python(document: Mapping[str, Any], project: Project, pyproject: Mapping[str, Any], path: Path) -> None:
    table = pyproject.get("tool", {}).get("poetry", {}).get("dependencies", {})
    said = str(table.get("python") or project.requires_python)
    locked = str(document.get("metadata", {}).get("python-versions", said))
    if said and said.replace(" ", "") != locked.replace(" ", ""):
        raise StaleLockError(
            f"reading {path.name}: stale: locked for Python {locked}, but the project requires {said}",
            hint="update the lock: poetry lock",
        )
