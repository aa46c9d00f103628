"""Files that pin a project's dependencies and that no module of this package reads.

Sources: pixi, conda-lock and Rye documentation; PyPA "pylock.toml" (PEP 751); pip, "Requirements file format".
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from grocker.errors import SettingsError
from grocker.python.metadata import normalise_name
from grocker.python.requirements import parse_requirement
from grocker.regex import regex

_LOCKED = "create a lock that Grocker reads: uv lock"
_LOCKS = (
    ("pixi.lock", _LOCKED),
    ("pylock.*.toml", "rename the one that counts to pylock.toml"),
    ("conda-lock.yml", _LOCKED),
)
"""(pattern of names, remedy)"""
_LISTS = ("requirements.txt", "requirements.lock", "requirements-prod.txt", "requirements/*.txt")
_PIN = regex(r"\s*(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\])?\s*===?\s*(?P<version>[^\s;,*#\\]+)\s*(?:[;#\\ ]|$)")


def check_unread(directory: Path, requirements: Iterable[str], *, pins_are_read: bool = False) -> None:
    """Raise SettingsError when a file in ``directory`` pins versions that Grocker would not keep to.

    ``requirements``: what the application requires, PEP 508. A requirements file counts when it pins one of these to
    something that they do not say themselves; lists of tools for development pin others. ``pins_are_read``: whether
    one of these files is kept to, so that none of them counts.
    """
    for pattern, remedy in _LOCKS:
        for path in sorted(directory.glob(pattern)):
            if path.is_file():
                refuse_lock(path.name, remedy)
    declared = {}
    for text in requirements:
        requirement = parse_requirement(text)
        declared[normalise_name(requirement.name)] = str(requirement.specifier)
    for pattern in () if pins_are_read else _LISTS:
        for path in sorted(directory.glob(pattern)):
            for name, version in _pins(path):
                if name in declared and declared[name].lstrip("=") != version:
                    shown = path.relative_to(directory)
                    raise _error(
                        shown,
                        f"{shown} pins {name} {version}, but Grocker does not read it beside pyproject.toml",
                        f"move its pins into pyproject.toml and a lock that Grocker reads: uv add -r {shown}",
                    )


def refuse_lock(name: str, remedy: str) -> NoReturn:
    """Raise SettingsError for a lock file that Grocker does not read. ``remedy``: what to do instead of ignoring it."""
    raise _error(name, f"{name} pins versions, but Grocker does not read it", remedy)


def _error(name: object, message: str, remedy: str) -> SettingsError:
    return SettingsError(
        f"resolving dependencies: {message}",
        hint=f"{remedy}; or ignore {name} and resolve the newest versions: --ignore-lock",
    )


def _pins(path: Path) -> list[tuple[str, str]]:
    """Names and versions of the lines NAME==VERSION of a requirements file."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    found = (_PIN.match(line) for line in lines)
    return [(normalise_name(match["name"]), match["version"]) for match in found if match is not None]
