"""``Pipfile.lock`` (pipenv's documentation, "Pipfile & Pipfile.lock")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from grocker import local_file
from grocker.decoding import decode_json
from grocker.errors import SettingsError, StorageError
from grocker.python.groups import unknown_group
from grocker.python.locks.pinned import LockedPackage, add_indexes, resolve_pinned
from grocker.python.metadata import normalise_name
from grocker.python.project import Project
from grocker.python.pylock import Pin, WheelBuilder
from grocker.python.sources import Source, WheelAddress, parse_git, parse_source
from grocker.python.target import WheelTarget
from grocker.python.uv import Uv

find = partial(local_file.find, "Pipfile.lock")
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
    """Read the wheels that the lock file pins; see ``LockFormat.read``.

    The section ``default`` counts, and those that are named as ``groups``.
    """
    document = read_document(path)
    roots, packages = read_pins(document, path, groups)
    return resolve_pinned(
        roots,
        packages,
        target,
        add_indexes(uv, document.get("_meta", {}).get("sources"), path.name),
        lock=path,
        workspace=workspace,
        directory=project.directory,
        remedy="pipenv lock",
        builder=builder,
    )


def read_pins(
    document: Mapping[str, Any], path: Path, groups: Sequence[str] = ()
) -> tuple[list[str], tuple[LockedPackage, ...]]:
    """Read the packages of the sections that count, all of them as roots (PEP 508) too. Raises SettingsError."""
    roots, packages = [], []
    for name, table in _sections(document, path, groups).items():
        if not isinstance(table, dict):
            raise SettingsError(f"reading {path}: {name}: expected an object", hint="run: pipenv lock")
        try:
            source = _source(table, normalise_name(name), path.parent)
        except (KeyError, TypeError, AttributeError) as error:
            raise SettingsError(f"reading {path}: malformed source of {name}", hint="run: pipenv lock") from error
        marker = str(table.get("markers", ""))
        hashes = frozenset(str(one).removeprefix("sha256:") for one in table.get("hashes", []))
        version = str(table.get("version", "")).removeprefix("==")
        packages.append(LockedPackage(normalise_name(name), version, hashes, source=source))
        own = f"[{','.join(table['extras'])}]" if table.get("extras") else ""
        roots.append(f"{name}{own}" + (f" ; {marker}" if marker else ""))
    return roots, tuple(packages)


def _source(table: Mapping[str, Any], name: str, base: Path) -> Source | WheelAddress | None:
    """What a package is built from: git, or the path or address of a directory or file; None for an index's."""
    if "git" in table:
        git = parse_git(str(table["git"]).removeprefix("git+"), name=name, reference=str(table["ref"]), base=base)
        return replace(git, subdirectory=str(table.get("subdirectory", git.subdirectory)))
    where = table.get("file") or table.get("path")
    if where is None:
        if not isinstance(table.get("version"), str):
            raise TypeError("no version")
        return None
    url = str(where) if "://" in str(where) else (base / str(where)).absolute().as_uri()
    return parse_source(url, name=name) or WheelAddress(url, name)


def read_document(path: Path) -> dict[str, Any]:
    """Read the lock file. Raises SettingsError if it is malformed."""
    try:
        document = decode_json(local_file.read(path))
    except ValueError as error:
        raise SettingsError(f"reading {path}: {error}", hint="run: pipenv lock") from error
    except OSError as error:
        raise StorageError(f"reading {path}: {error.strerror}", hint="make the file readable") from error
    if not isinstance(document, dict) or not isinstance(document.get("_meta", {}), dict):
        raise SettingsError(f"reading {path}: expected an object with _meta and default", hint="run: pipenv lock")
    return document


def _sections(document: Mapping[str, Any], path: Path, groups: Sequence[str]) -> dict[str, Any]:
    default = document.get("default")
    if not isinstance(default, dict):
        raise SettingsError(f'reading {path}: no section "default"', hint="run: pipenv lock")
    found: dict[str, Any] = dict(default)
    for group in groups:
        if group not in document:
            raise unknown_group(group, {*document} - {"_meta", "default"})
        found |= document[group]
    return found
