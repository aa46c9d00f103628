"""What lock files have in common that name versions and hashes of packages, but no addresses.

The roots are resolved again with the lock's versions as the only ones allowed: uv follows dependencies, markers and
extras, and every file that comes out must be one that the lock has the hash of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from grocker import local_file
from grocker.decoding import decode_toml
from grocker.digest import hexadecimal
from grocker.errors import SettingsError, StorageError
from grocker.python.indexes import hide_credentials
from grocker.python.metadata import normalise_name
from grocker.python.pylock import Pin, WheelBuilder
from grocker.python.requirements import MARKER_ERRORS, marker_environment, parse_requirement
from grocker.python.resolution import resolve
from grocker.python.sources import Source, WheelAddress, parse_git, parse_source
from grocker.python.stale_lock import StaleLockError
from grocker.python.target import WheelTarget
from grocker.python.uv import Uv
from grocker.regex import regex

_PUBLIC = regex(r"https?://pypi\.(?:python\.)?org(?:/|$)")
"""the index that tools write into a lock when nobody chose one"""


class LockedPackage(msgspec.Struct, frozen=True):
    """One version of a package in a lock."""

    name: str
    """normalised"""
    version: str
    hashes: frozenset[str]
    """sha256 of its files, hexadecimal; empty if the lock has none"""
    marker: str = ""
    """on which platforms, if not on all"""
    python: str = ""
    """which Pythons it supports (PEP 440), if the lock says so"""
    source: Source | WheelAddress | None = None
    """None if it comes from an index; without sha256, the lock has those of an archive in ``hashes``"""


def check_declared(
    declared: Sequence[str], versions: Mapping[str, Collection[str]], target: WheelTarget, *, lock: Path, remedy: str
) -> None:
    """Check that a lock has a version of each declared requirement that satisfies it.

    ``versions``: the lock's, by normalised name; an empty one fits. Raises StaleLockError.
    """
    for text in declared:
        requirement = parse_requirement(text)
        name = normalise_name(requirement.name)
        if requirement.url or not applies(str(requirement.marker or ""), target):
            continue
        if name not in versions:
            raise StaleLockError(
                f"reading {lock.name}: {name} is required but not locked", hint=f"update the lock: {remedy}"
            )
        found = sorted(versions[name])
        if not any(not version or requirement.specifier.contains(version, prereleases=True) for version in found):
            raise StaleLockError(
                f"reading {lock.name}: it has {name} {' and '.join(found)}, but the project requires {requirement}",
                hint=f"update the lock: {remedy}",
            )


def add_indexes(uv: Uv, sources: object, place: str) -> Uv:
    """The same uv that also asks the indexes that a project or its lock names, besides the host's.

    ``sources``: tables with ``name`` and ``url``; one that is named ``pypi``, or is the public one by its present or
    former name, stands for the host's. Their names are not passed on: uv would send the caller's credentials for an
    index of that name to any address. ``place``: the file that has them, for people.
    """
    found = []
    for one in sources if isinstance(sources, list) else ():
        url = one.get("url") if isinstance(one, dict) else None
        if not isinstance(url, str) or _PUBLIC.match(url) or str(one.get("name")).lower() == "pypi":
            continue
        if url.startswith(("http://", "https://")):
            found.append(hide_credentials(url) if "$" in url else url)
    places = {hide_credentials(url): place for url in found}
    return uv.with_options({"UV_INDEX": " ".join(dict.fromkeys(found))} if found else {}, places)


def resolve_pinned(
    declared: Sequence[str],
    packages: Sequence[LockedPackage],
    target: WheelTarget,
    uv: Uv,
    *,
    lock: Path,
    workspace: Path,
    directory: Path,
    remedy: str,
    builder: WheelBuilder | None = None,
) -> tuple[Pin, ...]:
    """Resolve what is ``declared`` (PEP 508) within a lock's ``packages``.

    ``lock``: its path; ``remedy``: the command that makes it again; ``builder``: builds wheels from sdists.
    Raises StaleLockError when the lock lacks a package or contradicts itself, SettingsError when an index serves other
    bytes under its name, and what ``resolution.resolve`` raises.
    """
    if not declared:
        return ()
    roots = root_names(declared)
    check_declared(declared, find_versions(packages), target, lock=lock, remedy=remedy)
    sources = {one.name: one.source for one in packages if one.source is not None and applies(one.marker, target)}
    try:
        pins = resolve(
            roots,
            target,
            uv,
            workspace=workspace,
            constraints=constraints(packages, target),
            directory=directory,
            sources=sources,
            builder=builder,
        )
    except SettingsError as error:
        raise StaleLockError(f"reading {lock.name}: {error.message}", hint=f"run: {remedy}") from error
    known = {(one.name, one.version): one.hashes for one in packages}
    known |= {(one.name, ""): one.hashes for one in packages if one.source is not None}
    for pin in pins:
        hashes = known.get((pin.name, pin.version), known.get((pin.name, "")))
        if hashes is None:
            raise StaleLockError(
                f"reading {lock.name}: {pin.name} is required but not locked", hint=f"update the lock: {remedy}"
            )
        if hashes and hexadecimal(pin.sdist or pin.sha256) not in hashes:
            raise SettingsError(
                f"reading {lock.name}: the index serves {pin.file} with a sha256 that differs from the lock",
                hint=f"check the index; if the file was replaced on purpose, run: {remedy}",
            )
    return pins


def find_versions(packages: Sequence[LockedPackage]) -> dict[str, set[str]]:
    """Return the versions in a lock by name; an empty one stands for whatever is built from a source."""
    versions: dict[str, set[str]] = {}
    for one in packages:
        versions.setdefault(one.name, set()).add("" if one.source is not None else one.version)
    return versions


def constraints(packages: Sequence[LockedPackage], target: WheelTarget) -> list[str]:
    """Return the lines that allow the lock's versions only (PEP 508).

    Of several versions that the lock does not tell apart by markers (poetry before 2.0), the highest that supports the
    target's Python counts.
    """
    chosen = _without_rivals(packages, target)
    return [
        f"{one.name}=={one.version}" + (f" ; {one.marker}" if one.marker else "")
        for one in packages
        if one.source is None and (one.marker or chosen.get(one.name) in (None, one.version))
    ]


def _without_rivals(packages: Sequence[LockedPackage], target: WheelTarget) -> dict[str, str]:
    """Return which version counts of each package that the lock has several of, without a marker."""
    from packaging.version import InvalidVersion, Version

    versions: dict[str, list[tuple[bool, Version, str]]] = {}
    for one in packages:
        if one.source is None and not one.marker:
            try:
                order = (_allows(one.python, target.full), Version(one.version), one.version)
            except InvalidVersion:  # uv reports it
                continue
            versions.setdefault(one.name, []).append(order)
    return {name: max(found)[2] for name, found in versions.items() if len(found) > 1}


def _allows(specifier: str, python: str) -> bool:
    """Whether ``specifier`` allows a Python; one that is ``*`` or malformed does."""
    from packaging.specifiers import SpecifierSet

    try:
        return SpecifierSet(specifier).contains(python, prereleases=True)
    except ValueError:
        return True


def applies(marker: str, target: WheelTarget) -> bool:
    """Whether ``marker`` holds on ``target``; an empty one does."""
    from packaging.markers import Marker

    try:
        return not marker or Marker(marker).evaluate(dict(marker_environment(target)))
    except MARKER_ERRORS:
        return True  # uv reports it


def load_document(path: Path) -> dict[str, Any]:
    """Read a lock file in TOML. Raises SettingsError if it is malformed."""
    try:
        return decode_toml(local_file.read_text(path))
    except ValueError as error:
        raise SettingsError(f"reading {path}: {error}", hint="create the lock again") from error
    except OSError as error:
        raise StorageError(f"reading {path}: {error.strerror}", hint="make the file readable") from error


def read_packages(
    document: Mapping[str, Any], path: Path, groups: frozenset[str] = frozenset()
) -> tuple[LockedPackage, ...]:
    """Read the tables ``[[package]]`` of poetry.lock and pdm.lock.

    ``groups``: those that are installed; a package of other groups is left out if it has a source of its own, which
    would have to be built. Raises SettingsError for malformed tables.
    """
    old = document.get("metadata", {}).get("files", {})  # poetry before 1.3
    found = []
    for table in document.get("package", []):
        try:
            name, version = normalise_name(table["name"]), str(table["version"])
            files = table.get("files") or old.get(table["name"], [])
            hashes = frozenset(str(file["hash"]).removeprefix("sha256:") for file in files)
        except (KeyError, TypeError, AttributeError) as error:
            raise SettingsError(
                f"reading {path}: malformed [[package]]: {error!r}", hint="create the lock again"
            ) from error
        marker = table.get("markers", table.get("marker", ""))
        if isinstance(marker, dict):  # poetry: by dependency group
            chosen = [str(one) for group, one in marker.items() if not groups or group in groups]
            marker = " or ".join(f"({one})" for one in chosen if one)
        try:
            source = _source(table, name, version, path.parent)
        except (KeyError, TypeError, AttributeError) as error:
            raise SettingsError(
                f"reading {path}: malformed source of {name}: {error!r}", hint="create the lock again"
            ) from error
        own = table.get("groups")
        if source is not None and isinstance(own, list) and groups and groups.isdisjoint(own):
            continue
        python = str(table.get("python-versions", table.get("requires_python", "")))
        found.append(LockedPackage(name, version, hashes, str(marker), python, source))
    return tuple(found)


def _source(table: Mapping[str, Any], name: str, version: str, base: Path) -> Source | WheelAddress | None:
    """What a package of poetry.lock (``[package.source]``) or pdm.lock (keys of the package) is built from."""
    said = table.get("source", {})
    kind = said.get("type", "")
    if kind == "git" or "git" in table:
        url, commit = (said["url"], said["resolved_reference"]) if kind else (table["git"], table["revision"])
        git = parse_git(str(url).removeprefix("git+"), name=name, reference=str(commit), base=base)
        within = str(said.get("subdirectory") or table.get("subdirectory") or git.subdirectory)
        return msgspec.structs.replace(git, version=version, subdirectory=within)
    if kind in ("directory", "file") or "path" in table:
        place = (base / str(said.get("url") or table["path"])).absolute()
        return parse_source(place.as_uri(), name=name) or _wheel(place.as_uri(), name, version)
    if kind == "url" or "url" in table:
        url = str(said.get("url") or table["url"])
        return parse_source(url, name=name) or _wheel(url, name, version)
    return None


def _wheel(url: str, name: str, version: str) -> WheelAddress:
    return WheelAddress(url.partition("#")[0], name, version)


def root_names(requirements: Sequence[str]) -> list[str]:
    """Return requirements without their versions: the lock decides those. Extras and markers stay."""
    from packaging.requirements import InvalidRequirement, Requirement

    roots = []
    for text in requirements:
        try:
            one = Requirement(text)
        except InvalidRequirement:
            continue  # the index would refuse it as well, and names it better
        extras = f"[{','.join(sorted(one.extras))}]" if one.extras else ""
        roots.append(f"{one.name}{extras}" + (f" ; {one.marker}" if one.marker else ""))
    return roots
