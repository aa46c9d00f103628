"""A project's description: pyproject.toml, or the older setup.py and setup.cfg (PEP 517, 518, 621)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from grocker import local_file
from grocker.decoding import decode_toml
from grocker.errors import MissingError, SettingsError, StorageError
from grocker.python import flat_layout
from grocker.python.metadata import normalise_name

_LEGACY_REQUIRES = ("setuptools>=40.8.0",)
_LEGACY_BACKEND = "setuptools.build_meta:__legacy__"


class Project(msgspec.Struct, frozen=True):
    """A project's description before anything is built."""

    directory: Path
    name: str | None
    """normalised; None when only the back end knows it"""
    version: str | None
    """None when only the back end knows it"""
    requires_python: str
    dependencies: tuple[str, ...] | None
    """``project.dependencies``; None when only the back end knows them"""
    extras: tuple[tuple[str, tuple[str, ...]], ...]
    """``project.optional-dependencies``, sorted by normalised name"""
    build_requires: tuple[str, ...]
    """``build-system.requires``"""
    backend: str
    """``build-system.build-backend``"""
    backend_path: tuple[str, ...]
    """``build-system.backend-path``: directories of an in-tree back end"""


def read_project(directory: Path) -> Project:
    """The description of the project in ``directory``.

    Raises MissingError when it is missing, SettingsError when it is malformed.
    """
    path = directory / "pyproject.toml"
    if not directory.is_dir():
        kind = "is a file" if directory.exists() else "does not exist"
        raise MissingError(
            f"reading the project: {directory} {kind}", hint="give the directory that contains pyproject.toml"
        )
    legacy = (directory / "setup.py").is_file() or (directory / "setup.cfg").is_file()
    document = _document(path) if path.is_file() else {}
    table = _table(document, "project", path)
    system = _table(document, "build-system", path)
    if table is None and system is None and not legacy:
        state = "has neither [project] nor [build-system]" if document else "does not exist, nor does setup.py"
        raise MissingError(
            f"reading the project: {path} {state}",
            hint="write pyproject.toml:" + _minimal(directory),
        )
    dynamic = _strings(table or {}, "dynamic", "project", path)
    if table is not None and "name" not in table:
        raise SettingsError(f"{path}: [project] has no name", hint=f'add name = "{_name_for(directory)}"')
    if table is not None and "version" not in table and "version" not in dynamic:
        raise SettingsError(f"{path}: [project] has no version", hint='add version = "1.0", or dynamic = ["version"]')
    version = _string(table or {}, "version", "project", path)
    optional = _table(table or {}, "optional-dependencies", path) or {}
    requires = _strings(system or {}, "requires", "build-system", path)
    name = _string(table or {}, "name", "project", path)
    return Project(
        directory=directory,
        name=normalise_name(name) if name else None,
        version=version,
        requires_python=_string(table or {}, "requires-python", "project", path) or "",
        dependencies=None
        if table is None or "dependencies" in dynamic
        else _strings(table, "dependencies", "project", path),
        extras=tuple(
            sorted(
                (normalise_name(extra), _strings(optional, extra, "project.optional-dependencies", path))
                for extra in optional
            )
        ),
        build_requires=requires if system is not None and "requires" in system else _LEGACY_REQUIRES,
        backend=_string(system or {}, "build-backend", "build-system", path) or _LEGACY_BACKEND,
        backend_path=_strings(system or {}, "backend-path", "build-system", path),
    )


def _minimal(directory: Path) -> str:
    """A complete pyproject.toml for the files in ``directory``, for a hint."""
    least = f'\n[project]\nname = "{_name_for(directory)}"\nversion = "1.0"\n'
    arrangement = flat_layout.setuptools_table(flat_layout.list_files(directory))
    if (directory / "requirements.txt").is_file():
        read = '[tool.setuptools.dynamic]\ndependencies = { file = ["requirements.txt"] }'
        return f'{least}dynamic = ["dependencies"]\n{arrangement}{read}'
    return f"{least}dependencies = []\n{arrangement}".rstrip()


def _name_for(directory: Path) -> str:
    return re.sub(r"[^a-z0-9]+", "-", directory.resolve().name.lower()).strip("-") or "app"


def _document(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return decode_toml(local_file.read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}", hint="fix the TOML syntax") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8: byte {error.start}", hint="save the file as UTF-8") from error
    except OSError as error:
        raise StorageError(f"reading {path}: {error.strerror}", hint="make the file readable") from error


def _table(document: Mapping[str, Any], key: str, path: Path) -> dict[str, Any] | None:
    value = document.get(key)
    if value is not None and not isinstance(value, dict):
        raise SettingsError(f"{path}: {key}: expected a table", hint="fix pyproject.toml")
    return value


def _string(table: Mapping[str, Any], key: str, where: str, path: Path) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise SettingsError(f"{path}: {where}.{key}: expected a string", hint="fix pyproject.toml")
    return value


def _strings(table: Mapping[str, Any], key: str, where: str, path: Path) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SettingsError(f"{path}: {where}.{key}: expected a list of strings", hint="fix pyproject.toml")
    return tuple(value)
