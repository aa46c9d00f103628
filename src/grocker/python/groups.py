"""Dependency groups: of PEP 735, poetry and pdm. None is installed unless the settings or a flag name it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from grocker import local_file
from grocker.decoding import decode_toml
from grocker.errors import SettingsError
from grocker.python.declared_requirements import poetry_requirements
from grocker.python.metadata import normalise_name
from grocker.python.requirements import required_name


def group_requirements(directory: Path, groups: Sequence[str]) -> tuple[str, ...]:
    """The requirements of the project's dependency ``groups``, PEP 508.

    Raises SettingsError for a group that the project does not have, or that is malformed.
    """
    if not groups:
        return ()
    standard, poetry, pdm = _read(directory)
    known = sorted({*map(normalise_name, standard), *poetry, *pdm})
    found: list[str] = []
    for group in map(normalise_name, groups):
        if group not in known:
            raise unknown_group(group, known)
        if group in map(normalise_name, standard):
            found += _standard(standard, group)
        found += poetry_requirements(poetry.get(group, {})) if group in poetry else ()
        found += pdm.get(group, ())
    return tuple(dict.fromkeys(found))


def find_group(directory: Path, module: str) -> str | None:
    """Return the first dependency group of a project that has the distribution of a module, by its usual name."""
    own = normalise_name(module)
    usual = {own, f"python-{own}", f"django-{own}", f"py{own}"}
    standard, poetry, pdm = _read(directory)
    for group in dict.fromkeys((*map(normalise_name, standard), *poetry, *pdm)):
        try:
            texts = group_requirements(directory, [group])
        except SettingsError:
            continue
        if not usual.isdisjoint(map(required_name, texts)):
            return group
    return None


def unknown_group(group: str, known: Iterable[str]) -> SettingsError:
    """The error for a group that a project or its lock does not have."""
    names = ", ".join(sorted(known)) or "none"
    return SettingsError(f"unknown dependency group {group!r}", hint=f"choose one that the project has: {names}")


def _read(directory: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]], dict[str, list[str]]]:
    """Return the groups of the standard, poetry's and pdm's."""
    try:
        document = decode_toml(local_file.read_text(directory / "pyproject.toml"))
    except (OSError, ValueError):
        document = {}
    tool = _table(document, "tool")
    return _table(document, "dependency-groups"), _poetry(tool), _pdm(tool)


def _standard(table: Mapping[str, Any], group: str) -> list[str]:
    from packaging.dependency_groups import resolve_dependency_groups

    try:
        return list(resolve_dependency_groups(table, group))
    except (ValueError, LookupError, TypeError, ExceptionGroup) as error:
        details = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        raise SettingsError(
            f"reading the dependency group {group!r}: {str(details).splitlines()[0]}",
            hint="fix [dependency-groups] in pyproject.toml (PEP 735)",
        ) from error


def _poetry(tool: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    table = _table(tool, "poetry")
    found = {normalise_name(name): one for name, one in _table(table, "group").items() if isinstance(one, dict)}
    if "dev-dependencies" in table:
        found.setdefault("dev", {"dependencies": _table(table, "dev-dependencies")})
    return found


def _pdm(tool: Mapping[str, Any]) -> dict[str, list[str]]:
    groups = _table(_table(tool, "pdm"), "dev-dependencies")
    return {
        normalise_name(name): [str(one).removeprefix("-e ") for one in listed]
        for name, listed in groups.items()
        if isinstance(listed, list)
    }


def _table(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}
