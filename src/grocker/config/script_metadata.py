"""The inline metadata of a script: its requirements and settings in a comment (PEP 723)."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import msgspec

from grocker import local_file
from grocker.config.files import NONE, Configuration, SettingOrigin, decode, parse_toml, refuse
from grocker.errors import MissingError, SettingsError
from grocker.regex import regex

_BLOCK = regex(r"^# /// script[ \t]*\n(?P<content>(?:#(?: .*)?\n)*)# ///[ \t]*$", re.M)
_BEGIN = regex(r"^# /// script[ \t]*$", re.M)


class ScriptMetadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """The document in a script's block."""

    dependencies: tuple[str, ...] = ()
    requires_python: str = ""
    tool: dict[str, Any] = {}


def read_script(path: Path) -> ScriptMetadata:
    """Read the metadata of the script at ``path``.

    Raises MissingError for a script without a block, SettingsError with file and line for one that is malformed.
    """
    return _read(path)[0]


def read_settings(path: Path) -> Configuration:
    """Read the settings in ``[tool.grocker]`` of the script at ``path``; the defaults if there are none."""
    metadata, text = _read(path)
    if "grocker" not in metadata.tool:
        return NONE
    table = metadata.tool["grocker"]
    if not isinstance(table, dict):
        raise SettingsError(f"{path.name}: tool.grocker is not a table", hint="write its keys below [tool.grocker]")
    return decode(table, file=path.name, prefix=("tool", "grocker"), text=text)


def _read(path: Path) -> tuple[ScriptMetadata, str]:
    """Return the metadata, and its text on the lines on which the script has it."""
    try:
        source = local_file.read(path).decode("utf-8")
    except OSError as error:
        raise SettingsError(f"reading {path}: {error.strerror}", hint="make the file readable") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path.name}: not UTF-8", hint="save the file as UTF-8") from error
    source = source.replace("\r\n", "\n")
    begins = [source.count("\n", 0, match.start()) + 1 for match in _BEGIN.finditer(source)]
    if not begins:
        raise MissingError(
            f"{path.name} has no inline metadata (PEP 723)",
            hint=f"build its directory: grocker build {os.path.relpath(path.parent)}; or declare what the script"
            ' requires at its top:\n# /// script\n# dependencies = ["requests"]\n# ///',
        )
    block = _BLOCK.search(source)
    if len(begins) > 1:
        place = SettingOrigin(path.name, begins[1])
        raise SettingsError(f"{place}: a second block of inline metadata", hint="move it into the first block")
    if block is None:
        place = SettingOrigin(path.name, begins[0])
        raise SettingsError(
            f"{place}: the block of inline metadata has no end",
            hint="begin each of its lines with '# ', and end it with the line '# ///'",
        )
    lines = [line[2:] for line in block["content"].splitlines()]
    text = "\n" * begins[0] + "\n".join(lines) + "\n"
    table = parse_toml(text, path.name)
    try:
        return msgspec.convert(table, ScriptMetadata), text
    except msgspec.ValidationError as error:
        raise refuse(table, ScriptMetadata, path.name, text) or SettingsError(f"{path.name}: {error}") from error
