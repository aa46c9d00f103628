"""Reads settings from a project's files, and tells for each value where it came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from grocker.config.settings import Settings
from grocker.errors import SettingsError

_HEADER = re.compile(r"^\s*\[\[?\s*(?P<name>[^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*(?P<key>[A-Za-z0-9_.'"-]+)\s*=""")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value stands."""

    file: str
    line: int
    """from 1; 0 when it is a flag or not known"""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings, and by dotted name where each one that was given came from."""

    settings: Settings
    origins: Mapping[str, Origin]


def read(directory: Path) -> Configuration:
    """The settings of a project directory; the defaults when it has none.

    ``grocker.toml`` wins whole over ``[tool.grocker]`` in ``pyproject.toml``; both at once is an error, because one of
    the two would be passed over in silence. Raises SettingsError that names file, line and key.
    """
    own = _load(directory / "grocker.toml", ())
    project = _load(directory / "pyproject.toml", ("tool", "grocker"))
    if own is not None and project is not None:
        raise SettingsError(
            f"{directory}: settings stand in grocker.toml and in pyproject.toml [tool.grocker]",
            hint="keep one of the two",
        )
    found = own or project
    if found is None:
        return Configuration(Settings(), MappingProxyType({}))
    table, path, prefix, text = found
    return decode(table, file=path.name, prefix=prefix, text=text)


def decode(table: Mapping[str, Any], *, file: str, prefix: tuple[str, ...], text: str) -> Configuration:
    """Check a parsed table against the schema; ``text`` is the file's, to find lines in."""
    lines = _lines(text)
    try:
        settings = msgspec.convert(table, Settings)
    except msgspec.ValidationError as error:
        message, path = _explain(str(error))
        origin = _origin((*prefix, *path), lines, file)
        name = ".".join(path)
        raise SettingsError(
            f"{origin}: {name}: {message}" if name else f"{origin}: {message}",
            hint="docs/reference/settings.md lists the settings",
        ) from error
    origins = {
        ".".join(path): _origin((*prefix, *path), lines, file) for path in _leaves(table) if path
    }
    return Configuration(settings, MappingProxyType(origins))


def load_toml(path: Path) -> tuple[dict[str, Any], str] | None:
    """A TOML file as a table and as text, None when there is none; SettingsError with file and line when malformed."""
    import tomllib

    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"reading {path}: {error.strerror}", hint="make the file readable") from error
    try:
        text = data.decode("utf-8")
        return tomllib.loads(text), text
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path.name}:{line}: not UTF-8", hint="TOML files are UTF-8: save the file so") from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = int(found[1]) if found else data.count(b"\n") + 1
        message = re.sub(r"\s*\(at .*\)$", "", str(error))
        raise SettingsError(f"{path.name}:{line}: not TOML: {message}", hint="mend the line") from error


def _load(path: Path, prefix: tuple[str, ...]) -> tuple[dict[str, Any], Path, tuple[str, ...], str] | None:
    loaded = load_toml(path)
    if loaded is None:
        return None
    table, text = loaded
    value: Any = table
    for key in prefix:
        value = value.get(key) if isinstance(value, dict) else None
    if value is None:
        return None
    if not isinstance(value, dict):
        raise SettingsError(f"{path.name}: {'.'.join(prefix)} is not a table", hint="write [tool.grocker] and keys below")
    return value, path, prefix, text


def _explain(text: str) -> tuple[str, tuple[str, ...]]:
    """msgspec's message and the keys of its path (``… - at `$.services[...].wsgi```)."""
    message, _, path = text.partition(" - at `$")
    keys = tuple(k for k in re.split(r"\.|\[[^\]]*\]", path.rstrip("`")) if k)
    unknown = re.search(r"unknown field `([^`]+)`", message)
    if unknown:
        return "there is no such setting", (*keys, unknown[1])
    return message.lower().replace("`", "'"), keys


def _leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(value, dict):
        return [leaf for key in value for leaf in _leaves(value[key], (*path, str(key)))]
    return [path]


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """Where each table and key of a TOML text stands; good enough to point at, multi-line strings aside."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header:
            table = _dotted(header["name"])
            found.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key:
            path = (*table, *_dotted(key["key"]))
            found.setdefault(path, number)
            for inner in re.finditer(r"[{,]\s*([A-Za-z0-9_-]+)\s*=", line):
                found.setdefault((*path, inner[1]), number)
    return found


def _dotted(name: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in name.split("."))


def _origin(path: tuple[str, ...], lines: Mapping[tuple[str, ...], int], file: str) -> Origin:
    """The line of a key; msgspec leaves out keys of mappings (``[...]``), so the last key that fits is taken."""
    if path in lines:
        return Origin(file, lines[path])
    for known, number in lines.items():
        if path and known[-1:] == path[-1:] and known[: len(path) - 1] == path[:-1][: len(known)]:
            return Origin(file, number)
    for known, number in lines.items():
        if path and known[-1] == path[-1] and set(path) <= set(known):
            return Origin(file, number)
    return _origin(path[:-1], lines, file) if len(path) > 1 else Origin(file, 0)
