"""The only Python project below a directory that has none of its own, as in a repository with ``backend/``."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec.structs import replace

from grocker.config import files as config_files
from grocker.errors import MissingError
from grocker.inputs.origin import Origin
from grocker.inputs.tree_project import REQUIREMENT_FILES, directories_below
from grocker.progress import Progress

_PROJECT_FILES = (*REQUIREMENT_FILES, "setup.py", "Pipfile", "grocker.toml")
_TABLES = frozenset({"project", "build-system"})
_TOOLS = frozenset({"poetry", "grocker"})
_OTHERS = ("package.json", "Procfile")
"""files that start something in the directory itself"""


def find_nested(origin: Origin) -> Origin:
    """Return ``origin``, or that of the only project below if it names a directory that is neither project nor code.

    Raises MissingError if there are several.
    """
    directory = origin.path
    if origin.kind != "project" or directory is None or _is_project(directory) or _has_code(directory):
        return origin
    below = directories_below(directory)
    found = [path for path in below if _is_project(path) and (_has_code(path) or _has_packages(path))]
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise MissingError(
            f"reading the project: {directory} has no project of its own, but several below: {names}",
            hint=f"name the one to build: grocker build {found[0]}",
        )
    if not found:
        return origin
    passed = (directory, *below, *(path / "pyproject.toml" for path in below))
    return replace(origin, path=found[0], passed=tuple(str(path.absolute()) for path in passed))


def warn_of_nested(origin: Origin, progress: Progress) -> None:
    """Say so if what is built is not the directory that the user named."""
    if origin.passed and origin.path is not None:
        place = os.path.relpath(origin.path)
        progress.warn(
            f"{origin.text} has no project of its own; building {place}, the only one in it",
            hint=f"name the directory to avoid this warning: grocker build {place}",
        )


def _is_project(directory: Path) -> bool:
    """Tell whether a directory says what its code requires."""
    if any((directory / name).is_file() for name in _PROJECT_FILES):
        return True
    loaded = config_files.load_toml(directory / "pyproject.toml")
    document = loaded[0] if loaded is not None else {}
    tools = document.get("tool")
    return not _TABLES.isdisjoint(document) or (isinstance(tools, dict) and not _TOOLS.isdisjoint(tools))


def _has_code(directory: Path) -> bool:
    """Tell whether a directory has modules, or files that start something, besides projects below."""
    return any((directory / name).is_file() for name in _OTHERS) or any(directory.glob("*.py"))


def _has_packages(directory: Path) -> bool:
    """Tell whether a directory has packages, in itself or in ``src``."""
    return any(any(directory.glob(form)) for form in ("*/*.py", "src/*/*.py"))
