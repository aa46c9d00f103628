"""``poetry.lock`` (poetry's documentation, "Dependency specification"; format 1.1 to 2.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from grocker import local_file
from grocker.python.locks.pinned import load_document, read_packages, resolve_pinned, root_names
from grocker.python.project import Project
from grocker.python.pylock import Pin, WheelBuilder
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
    builder: WheelBuilder | None = None,
) -> tuple[Pin, ...]:
    """Read the wheels that the lock file pins; see ``LockFormat.read``."""
    document = load_document(path)
    pyproject = load_document(project.directory / "pyproject.toml")
    roots = _roots(project, pyproject, extras)
    packages = read_packages(document, path, frozenset({"main"}))
    return resolve_pinned(
        roots,
        packages,
        target,
        uv,
        lock=path,
        workspace=workspace,
        directory=project.directory,
        remedy="poetry lock",
        builder=builder,
    )


def _roots(project: Project, pyproject: Mapping[str, Any], extras: Sequence[str]) -> list[str]:
    """Return the main dependencies: of ``[project]``, and of ``[tool.poetry.dependencies]`` as poetry has them."""
    roots = root_names(project.dependencies or ())
    optional = dict(project.extras)
    for extra in extras:
        roots += root_names(optional.get(extra, ()))
    table = pyproject.get("tool", {}).get("poetry", {})
    chosen = {name for extra in extras for name in table.get("extras", {}).get(extra, [])}
    for name, said in table.get("dependencies", {}).items():
        if name == "python":
            continue
        details = said if isinstance(said, dict) else {}
        if details.get("optional") and name not in chosen:
            continue
        own = f"[{','.join(details['extras'])}]" if details.get("extras") else ""
        marker = f" ; {details['markers']}" if details.get("markers") else ""
        roots.append(f"{name}{own}{marker}")
    return sorted(set(roots))
