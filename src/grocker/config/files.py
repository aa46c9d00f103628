"""Read settings from a project's files, and record where each value was set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from grocker import local_file
from grocker.config import positions
from grocker.config.settings import Settings
from grocker.decoding import decode_toml
from grocker.errors import MissingError, SettingsError

HELP = "list the settings and what they expect: grocker help settings"
_MANY = 4
"""problems beyond this number are counted, but not shown"""


class SettingOrigin(msgspec.Struct, frozen=True):
    """Where a value was set."""

    file: str
    line: int
    """from 1; 0 when unknown"""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Configuration(msgspec.Struct, frozen=True):
    """Settings, and by dotted name where each one was set."""

    settings: Settings
    origins: Mapping[str, SettingOrigin]


NONE = Configuration(Settings(), MappingProxyType({}))
"""The defaults."""


def read(directory: Path) -> Configuration:
    """The settings of a project directory; the defaults when it has none.

    Settings are in ``grocker.toml`` or in ``[tool.grocker]`` of ``pyproject.toml``; both at once is an error, because
    one of the two would be silently ignored. Raises SettingsError that names file, line and key.
    """
    own = _load(directory / "grocker.toml", ())
    project = _load(directory / "pyproject.toml", ("tool", "grocker"))
    if own is not None and project is not None:
        line = positions.find_lines(project[3]).get(("tool", "grocker"), 0)
        raise SettingsError(
            f"settings found in both grocker.toml and {SettingOrigin('pyproject.toml', line)} [tool.grocker]",
            hint="move the settings of one file into the other",
        )
    found = own or project
    if found is None:
        return NONE
    table, path, prefix, text = found
    return decode(table, file=path.name, prefix=prefix, text=text)


def read_file(path: Path) -> Configuration:
    """The settings in a file that the user names: ``[tool.grocker]`` in it, or else all of it.

    Raises SettingsError that names file, line and key, MissingError when there is no such file.
    """
    loaded = load_toml(path)
    if loaded is None:
        raise MissingError(f"settings file {path} not found", hint="give the path of a TOML file")
    table, text = loaded
    inner = table.get("tool", {}).get("grocker") if isinstance(table.get("tool"), dict) else None
    prefix = () if inner is None else ("tool", "grocker")
    return decode(table if inner is None else inner, file=path.name, prefix=prefix, text=text)


def decode(table: Mapping[str, Any], *, file: str, prefix: tuple[str, ...], text: str) -> Configuration:
    """Check a parsed table against the schema; ``text`` is the file's, to look up line numbers."""
    lines = positions.find_lines(text)
    try:
        settings = msgspec.convert(table, Settings)
    except msgspec.ValidationError as error:
        raise refuse(table, Settings, file, text, prefix) or SettingsError(f"{file}: {error}") from error
    origins = {dotted_name(path): _origin((*prefix, *path), lines, file) for path in _leaves(table) if path}
    if settings.lazy_pulling is not None and settings.compression != "gzip":
        place = origins["lazy-pulling"]
        raise SettingsError(
            f'{place}: lazy-pulling needs layers compressed by gzip, but compression is "zstd"',
            hint="remove one of the two settings",
        )
    return Configuration(settings, MappingProxyType(origins))


def load_toml(path: Path) -> tuple[dict[str, Any], str] | None:
    """A TOML file as a table and as text, None when there is none; SettingsError with file and line when malformed."""
    try:
        data = local_file.read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"reading {path}: {error.strerror}", hint="make the file readable") from error
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path.name}:{line}: not UTF-8", hint="save the file as UTF-8") from error
    return parse_toml(text, path.name), text


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """Parse the text of ``file``. Raises SettingsError with file and line."""
    import tomllib

    try:
        return decode_toml(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = int(found[1]) if found else text.count("\n") + (not text.endswith("\n"))
        message = re.sub(r"\s*\(at .*\)$", "", str(error))
        hint = "save the file without a byte order mark" if text.startswith("\ufeff") else "fix the line"
        raise SettingsError(f"{file}:{line}: not TOML: {message}", hint=hint) from error


def dotted_name(path: positions.KeyPath) -> str:
    """A path of keys as written in messages: ``services.www.command[1]``."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            plain = re.fullmatch(r"[A-Za-z0-9_-]+", key)
            text += ("." if text else "") + (key if plain else f'"{key}"')
    return text


def _load(path: Path, prefix: tuple[str, ...]) -> tuple[dict[str, Any], Path, tuple[str, ...], str] | None:
    loaded = load_toml(path)
    if loaded is None:
        return None
    table, text = loaded
    value: Any = table
    for number, key in enumerate(prefix):
        if not isinstance(value, dict):
            break
        if key not in value:
            return None
        value = value[key]
        if not isinstance(value, dict):
            place = SettingOrigin(path.name, positions.find_lines(text).get(prefix[: number + 1], 0))
            raise SettingsError(
                f"{place}: {dotted_name(prefix[: number + 1])} is not a table",
                hint=f"write its keys below the header [{dotted_name(prefix)}]",
            )
    return value, path, prefix, text


def refuse(
    table: Mapping[str, Any], kind: type, file: str, text: str, prefix: tuple[str, ...] = ()
) -> SettingsError | None:
    """The error that names all problems of ``table`` with the struct ``kind``, in the order of the file."""
    from grocker.config.problems import find_problems

    lines = positions.find_lines(text)
    found = sorted(
        ((_origin((*prefix, *one.path), lines, file), one) for one in find_problems(table, kind)),
        key=lambda pair: pair[0].line,
    )
    if not found:
        return None
    told = [f"{origin}: {dotted_name(one.path)}: {one.what}" for origin, one in found[:_MANY]]
    more = [f"and {len(found) - _MANY} more"] if len(found) > _MANY else []
    near = found[0][1].near
    return SettingsError("; ".join([*told, *more]), hint=f"did you mean {near}?" if near else HELP)


def _leaves(value: Any, path: positions.KeyPath = ()) -> list[positions.KeyPath]:
    if isinstance(value, dict) and value:
        return [leaf for key in value for leaf in _leaves(value[key], (*path, str(key)))]
    return [path]


def _origin(path: positions.KeyPath, lines: Mapping[positions.KeyPath, int], file: str) -> SettingOrigin:
    """The line of a value, or of the nearest table or array around it."""
    while path and path not in lines:
        path = path[:-1]
    return SettingOrigin(file, lines.get(path, 0))
