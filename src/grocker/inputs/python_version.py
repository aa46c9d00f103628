"""What a project says of its Python: files that pin a version, ranges that it allows, the image of its Dockerfile."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from grocker import local_file
from grocker.config import files as config_files
from grocker.config.dockerfile import DOCKERFILE, final_stages, python_series, read_stages
from grocker.decoding import decode_toml
from grocker.python.declared_requirements import python_specifier
from grocker.regex import regex

_PIN = regex(
    r"^\s*(?:c?python[-@]?)?(?P<series>3\.\d{1,3})(?:\.\d+)?(?P<threading>t|\+freethreaded)?\s*$", re.IGNORECASE
)
_LOCKED = regex(r'^requires-python = "(?P<specifier>[^"\n]*)"', re.M)
_HEAD = 1 << 10
"""characters of a ``uv.lock``, which may be megabytes: uv writes the line to its top"""
_LINES = 20


class PythonPin(msgspec.Struct, frozen=True):
    """A file that asks for one release series."""

    place: str
    """for people: ``.python-version``"""
    series: str
    """``3.12``, free-threaded ``3.13t``; the patch level does not count"""


class PythonRange(msgspec.Struct, frozen=True):
    """Versions that are allowed."""

    place: str
    """for people: ``requires-python``"""
    specifier: str
    """PEP 440"""


def read_pin(directory: Path) -> PythonPin | None:
    """Return what ``.python-version``, ``runtime.txt`` or ``Pipfile`` asks for, the first of these that does."""
    for name in (".python-version", "runtime.txt"):
        for line in _read(directory / name).splitlines()[:_LINES]:
            series = _series(line)
            if series:
                return PythonPin(name, series)
    requires = _table(directory / "Pipfile").get("requires", {})
    if isinstance(requires, dict):
        for key in ("python_full_version", "python_version"):
            series = _series(str(requires.get(key, "")))
            if series:
                return PythonPin("Pipfile", series)
    return None


def read_base_image(directory: Path) -> PythonPin | None:
    """Return the Python of the image that the ``Dockerfile``'s last stage is built upon, if its name tells."""
    stages = final_stages(read_stages(_read(directory / DOCKERFILE)))
    series = python_series(stages[0].image) if stages else ""
    return PythonPin(DOCKERFILE, series) if series else None


def read_ranges(directory: Path) -> tuple[PythonRange, ...]:
    """Return the versions that ``pyproject.toml`` and the project's lock allow."""
    loaded = config_files.load_toml(directory / "pyproject.toml")
    document: dict[str, Any] = loaded[0] if loaded is not None else {}
    found = [PythonRange("requires-python", _text(document, "project", "requires-python"))]
    poetry = _text(document, "tool", "poetry", "dependencies", "python")
    found.append(PythonRange("tool.poetry.dependencies.python", python_specifier(poetry)))
    locked = _LOCKED.search(_read(directory / "uv.lock")[:_HEAD])
    found.append(PythonRange("uv.lock", locked["specifier"] if locked is not None else ""))
    return tuple(one for one in found if one.specifier.strip())


def allowed(ranges: Iterable[PythonRange]) -> tuple[PythonRange, ...]:
    """Return the ranges that are well-formed; whoever reads the metadata tells of the others."""
    from packaging.specifiers import SpecifierSet

    found = []
    for one in ranges:
        try:
            SpecifierSet(one.specifier).contains("3.13.999", prereleases=True)
        except ValueError:
            continue
        found.append(one)
    return tuple(found)


def allows(ranges: Iterable[PythonRange], version: str) -> bool:
    """Return whether all of the ranges, as ``allowed`` gives them, have ``version``."""
    from packaging.specifiers import SpecifierSet

    return all(SpecifierSet(one.specifier).contains(version, prereleases=True) for one in ranges)


def _series(text: str) -> str:
    match = _PIN.match(text)
    return match["series"] + ("t" if match["threading"] else "") if match is not None else ""


def _read(path: Path) -> str:
    try:
        return local_file.read(path).decode("utf-8", "replace")
    except OSError:
        return ""


def _table(path: Path) -> dict[str, Any]:
    try:
        return decode_toml(_read(path))
    except ValueError:
        return {}


def _text(document: dict[str, Any], *names: str) -> str:
    found: Any = document
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""
