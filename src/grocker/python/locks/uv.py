"""``uv.lock``, read by uv itself (uv documentation, "Locking and syncing")."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grocker import local_file
from grocker.decoding import decode_toml
from grocker.errors import SettingsError
from grocker.python import uv as _uv
from grocker.python.indexes import read_uv_table
from grocker.python.metadata import normalise_name
from grocker.python.requirements import parse_requirement
from grocker.python.target import WheelTarget
from grocker.python.uv import Uv
from grocker.regex import regex

if TYPE_CHECKING:
    from grocker.python.project import Project
    from grocker.python.pylock import Pin, WheelBuilder

_FROM = frozenset({"git", "url", "path", "editable", "directory", "virtual"})
_WRONG_PYTHON = regex(r"incompatible with the project's Python requirement|No interpreter found|inspect Python")

_WOULD_BUILD = regex(r"[Bb]uild|no (?:usable )?wheels|source distribution")


def find(directory: Path) -> Path | None:
    """``uv.lock`` in ``directory``, or else that of the workspace that it is a member of; None when there is none."""
    if (path := local_file.find("uv.lock", directory)) is not None:
        return path
    here = directory.absolute()
    for root in here.parents:
        if (root / "uv.lock").is_file():
            from grocker.python.uv_sources import has_member

            if has_member(read_uv_table(root / "pyproject.toml"), root, here):
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
    from grocker.python.groups import group_requirements
    from grocker.python.pylock import read_pylock

    action = "reading uv.lock"
    arguments: list[str | Path] = ["export", "--format", "pylock.toml", "--quiet", "--no-header"]
    arguments += ["--no-emit-project", "--no-dev", "--no-default-groups"]
    for extra in sorted(extras):
        arguments += ["--extra", extra]
    group_requirements(project.directory, groups)  # names those that the project has, if it lacks one
    for group in sorted(groups):
        arguments += ["--group", group]
    # uv may build nothing: neither for metadata that are dynamic, nor to resolve again if the lock is stale.
    checked = [*arguments, "--locked", "--no-build", "--python", uv.python]
    output = _uv.run(uv, checked, action=action, directory=project.directory)
    if output.status != 0 and (_WRONG_PYTHON.search(output.stderr) or _WOULD_BUILD.search(output.stderr)):
        _check_fresh(path, project, groups)
        output = _uv.run(uv, [*arguments, "--frozen"], action=action, directory=project.directory)
    if output.status != 0:
        raise _uv.translate_error(output, action=action, platform=str(target))
    return read_pylock(output.stdout, target, builder, base=project.directory)


def _check_fresh(path: Path, project: Project, groups: Sequence[str]) -> None:
    """Check that the lock is for the dependencies in pyproject.toml, when uv cannot do that.

    It cannot if it finds no interpreter here that fits, or would have to build something.
    """
    try:
        document = decode_toml(local_file.read_text(path))
    except (OSError, ValueError) as error:
        raise SettingsError(f"reading uv.lock: {path}: {error}", hint="run: uv lock") from error
    try:
        _compare(document, path, project, groups)
    except (KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"reading uv.lock: {path} is malformed: {error!r}", hint="run: uv lock") from error


def _compare(document: dict[str, Any], path: Path, project: Project, groups: Sequence[str]) -> None:
    """Raise StaleLockError when the lock is for another project than pyproject.toml describes."""
    from grocker.python.groups import group_requirements
    from grocker.python.stale_lock import StaleLockError

    is_workspace = "members" in document.get("manifest", {})
    if not is_workspace and not _allow_the_same(str(document.get("requires-python", "")), project.requires_python):
        raise StaleLockError(
            f"reading uv.lock: {path} is stale: requires-python in pyproject.toml has changed since",
            hint="run: uv lock",
        )
    for package in document.get("package", []):
        if project.name is None or package.get("name") != project.name:
            continue
        metadata = package.get("metadata", {})
        pairs = [
            (group_requirements(project.directory, [group]), metadata.get("requires-dev", {}).get(group, []))
            for group in map(normalise_name, groups)
        ]
        if project.dependencies is not None:  # else only its back end knows them
            extras = (text for _, texts in project.extras for text in texts)
            pairs.append(((*project.dependencies, *extras), metadata.get("requires-dist", [])))
        if not all(_is_locked(declared, locked) for declared, locked in pairs):
            raise StaleLockError(
                f"reading uv.lock: {path} is stale: pyproject.toml has changed since", hint="run: uv lock"
            )
        return


def _is_locked(declared: Sequence[str], items: Sequence[dict[str, Any]]) -> bool:
    """Whether a lock's items are the declared requirements (PEP 508)."""
    # The lock has the source in place of the versions. With sources for some platforms only, it has both.
    elsewhere = {normalise_name(item["name"]) for item in items if _FROM.intersection(item)}
    locked, found = set(), set()
    for item in items:
        name, extras = normalise_name(item["name"]), tuple(sorted(item.get("extras", ())))
        locked.add((name, extras, None if name in elsewhere else _specifiers(item.get("specifier", ""))))
    for text in declared:
        requirement = parse_requirement(text)
        extras = tuple(sorted(normalise_name(extra) for extra in requirement.extras))
        name = normalise_name(requirement.name)
        found.add((name, extras, None if name in elsewhere else _specifiers(str(requirement.specifier))))
    return locked == found


def _allow_the_same(one: str, other: str) -> bool:
    """Whether two specifiers allow the same releases of Python; uv writes ``>=3.13,<3.14`` as ``==3.13.*``."""
    from packaging.specifiers import SpecifierSet

    releases = ["4.0", "4.1", *(f"3.{minor}.{micro}" for minor in range(100) for micro in (0, 1, 5, 10, 20))]
    try:
        first, second = SpecifierSet(one), SpecifierSet(other)
        return all(first.contains(release) == second.contains(release) for release in releases)
    except ValueError:  # InvalidSpecifier, or a number of thousands of digits
        return True  # uv reports it


def _specifiers(text: str) -> frozenset[str]:
    return frozenset(part.strip().replace(" ", "") for part in text.split(",") if part.strip())
