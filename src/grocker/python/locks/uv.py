"""``uv.lock``, read by uv itself (uv documentation, "Locking and syncing")."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grocker import local_file
from grocker.decoding import decode_toml
from grocker.errors import SettingsError
from grocker.python import uv as _uv
from grocker.python.groups import group_requirements
from grocker.python.indexes import read_uv_table
from grocker.python.metadata import normalise_name
from grocker.python.project import Project
from grocker.python.pylock import Pin, WheelBuilder, read_pylock
from grocker.python.requirements import parse_requirement
from grocker.python.target import WheelTarget
from grocker.python.uv import Uv
from grocker.python.uv_sources import has_member

_FROM = frozenset({"git", "url", "path", "editable", "directory", "virtual"})
_WRONG_PYTHON = re.compile(r"incompatible with the project's Python requirement|No interpreter found|inspect Python")


def find(directory: Path) -> Path | None:
    """``uv.lock`` in ``directory``, or else that of the workspace that it is a member of; None when there is none."""
    if (path := local_file.find("uv.lock", directory)) is not None:
        return path
    here = directory.absolute()
    for root in here.parents:
        if (root / "uv.lock").is_file() and has_member(read_uv_table(root / "pyproject.toml"), root, here):
            return root / "uv.lock"
    return None


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
    """The wheels that the lock file pins; see ``LockFormat.read``."""
    action = "reading uv.lock"
    arguments: list[str | Path] = ["export", "--format", "pylock.toml", "--quiet", "--no-header"]
    arguments += ["--no-emit-project", "--no-dev", "--no-default-groups"]
    for extra in sorted(extras):
        arguments += ["--extra", extra]
    group_requirements(project.directory, groups)  # names those that the project has, if it lacks one
    for group in sorted(groups):
        arguments += ["--group", group]
    # Where the project's metadata is dynamic, uv asks its back end for them.
    checked = [*arguments, "--locked", "--python", uv.python]
    output = _uv.run_that_may_build(uv, checked, action=action, directory=project.directory)
    if output.status != 0 and _WRONG_PYTHON.search(output.stderr):
        _check_fresh(path, project)
        output = _uv.run(uv, [*arguments, "--frozen"], action=action, directory=project.directory)
    if output.status != 0:
        raise _uv.translate_error(output, action=action, platform=str(target))
    return read_pylock(output.stdout, target, builder, base=project.directory)


def _check_fresh(path: Path, project: Project) -> None:
    """Check that the lock is for the dependencies in pyproject.toml, when uv finds no interpreter here to check it."""
    try:
        document = decode_toml(local_file.read_text(path))
    except (OSError, ValueError) as error:
        raise SettingsError(f"reading uv.lock: {path}: {error}", hint="run: uv lock") from error
<<<<<<< HEAD
    is_workspace = "members" in document.get("manifest", {})
    if not is_workspace and not _allow_the_same(str(document.get("requires-python", "")), project.requires_python):
        raise SettingsError(
            f"reading uv.lock: {path} is stale: requires-python in pyproject.toml has changed since",
            hint="run: uv lock",
        )
    for package in document.get("package", []):
        if project.name is None or package.get("name") != project.name or project.dependencies is None:
            continue
        locked = {
            (
                normalise_name(item["name"]),
                tuple(sorted(item.get("extras", ()))),
                None if _FROM.intersection(item) else _specifiers(item.get("specifier", "")),
            )
            for item in package.get("metadata", {}).get("requires-dist", [])
        }
        elsewhere = {name for name, _, specifiers in locked if specifiers is None}
        declared = set()
        for text in (*project.dependencies, *(text for _, texts in project.extras for text in texts)):
            requirement = parse_requirement(text)
            extras = tuple(sorted(normalise_name(extra) for extra in requirement.extras))
            name = normalise_name(requirement.name)
            # The lock has the source in place of the versions.
            said = None if name in elsewhere else _specifiers(str(requirement.specifier))
            declared.add((name, extras, said))
        if locked != declared:
            raise SettingsError(
                f"reading uv.lock: {path} is stale: pyproject.toml has changed since", hint="run: uv lock"
            )
=======
    if project.name is None or project.dependencies is None:
>>>>>>> da0e38c (Fuzz every parser that reads what others wrote, and fix what that shows)
        return
    try:
        locked = _locked_requirements(document, project.name)
    except (KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            f"reading uv.lock: {path}: malformed [[package]]: {error!r}", hint="run: uv lock"
        ) from error
    declared = set()
    for text in (*project.dependencies, *(text for _, texts in project.extras for text in texts)):
        requirement = parse_requirement(text)
        extras = tuple(sorted(normalise_name(extra) for extra in requirement.extras))
        declared.add((normalise_name(requirement.name), extras, _specifiers(str(requirement.specifier))))
    if locked is not None and locked != declared:
        raise SettingsError(f"reading uv.lock: {path} is stale: pyproject.toml has changed since", hint="run: uv lock")


_Locked = tuple[str, tuple[str, ...], frozenset[str]]
"""name, extras and specifiers of a requirement"""


def _locked_requirements(document: dict[str, Any], project: str) -> set[_Locked] | None:
    """The requirements of the project that the lock is for; None when it has no such package."""
    for package in document.get("package", []):
        if package.get("name") == project:
            return {
                (
                    normalise_name(item["name"]),
                    tuple(sorted(item.get("extras", ()))),
                    _specifiers(item.get("specifier", "")),
                )
                for item in package.get("metadata", {}).get("requires-dist", [])
            }
    return None


def _allow_the_same(one: str, other: str) -> bool:
    """Whether two specifiers allow the same releases of Python; uv writes ``>=3.13,<3.14`` as ``==3.13.*``."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        first, second = SpecifierSet(one), SpecifierSet(other)
    except InvalidSpecifier:
        return True  # uv reports it
    releases = ["4.0", "4.1", *(f"3.{minor}.{micro}" for minor in range(100) for micro in (0, 1, 5, 10, 20))]
    return all(first.contains(release) == second.contains(release) for release in releases)


def _specifiers(text: str) -> frozenset[str]:
    return frozenset(part.strip().replace(" ", "") for part in text.split(",") if part.strip())
