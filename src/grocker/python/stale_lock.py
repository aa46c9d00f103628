"""A lock file that does not fit its project any more: its versions are kept to where they still fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grocker import local_file
from grocker.decoding import decode_json, decode_toml
from grocker.errors import SettingsError
from grocker.python.metadata import normalise_name
from grocker.regex import regex

_PLAIN = regex(r"[0-9][0-9A-Za-z.+!-]*")


class StaleLockError(SettingsError):
    """A lock file is for other requirements, or another Python, than its project has."""


def read_versions(path: Path) -> dict[str, str]:
    """Return the version of each package that a lock file has one version of, by normalised name.

    Nothing of it is checked; what cannot be read is left out.
    """
    try:
        data = local_file.read(path)
        document = decode_json(data) if path.suffix == ".lock" and data.lstrip()[:1] == b"{" else _toml(data)
    except (OSError, ValueError):
        return {}
    found: dict[str, set[str]] = {}
    for name, table in _packages(document):
        version = table.get("version") if isinstance(table, dict) else None
        text = version.removeprefix("==") if isinstance(version, str) else ""
        if isinstance(name, str) and _PLAIN.fullmatch(text):
            found.setdefault(normalise_name(name), set()).add(text)
    return {name: next(iter(versions)) for name, versions in sorted(found.items()) if len(versions) == 1}


def _packages(document: Any) -> Iterator[tuple[Any, Any]]:
    """Yield name and table of each package: of uv, poetry and pdm, of PEP 751, of pipenv."""
    if not isinstance(document, dict):
        return
    for key in ("package", "packages"):
        listed = document.get(key)
        yield from (
            (one.get("name"), one) for one in (listed if isinstance(listed, list) else ()) if hasattr(one, "get")
        )
    default = document.get("default")
    yield from (default.items() if isinstance(default, dict) else ())


def _toml(data: bytes) -> dict[str, Any]:
    return decode_toml(data.decode("utf-8"))
