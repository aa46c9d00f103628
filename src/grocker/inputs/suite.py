"""Which Debian suite an image is built from: the one that is named, else the one whose Python fits the project."""

from __future__ import annotations

import re
from pathlib import Path

from grocker import local_file
from grocker.config import files as config_files
from grocker.config.script_metadata import read_script
from grocker.config.settings import Settings
from grocker.inputs.origin import Origin
from grocker.lock.values import Lock
from grocker.platforms.suites import SUITES, Suite
from grocker.progress import Progress

_SERIES = re.compile(r"^\s*(?:python-|cpython-)?(?P<series>3\.\d+)(?:\.\d+)?\s*$")


def choose_suites(
    origin: Origin, named: str | None, settings: Settings, lock: Lock | None, progress: Progress
) -> tuple[str, ...]:
    """Return the names of the suites to try, the best first; the others are for wheels that the best one lacks.

    ``named``: on the command line; else the settings' suite, else the lock's. Of a project ``requires-python`` decides
    then, and ``.python-version`` or ``runtime.txt``; a version in those that no suite has is a warning.
    """
    name = named or settings.debian.suite or (lock.base.suite if lock is not None else None)
    if name is not None:
        return (name,)
    directory = origin.path
    fitting = list(SUITES.values())
    if origin.kind == "script" and directory is not None:
        fitting = _allowed_by(read_script(directory).requires_python)
    if origin.kind == "project" and directory is not None:
        fitting = _fitting(directory)
        place, series = _pinned(directory)
        exact = next((row for row in fitting if row.python == series), None)
        if exact is not None:
            return (exact.name,)
        if series is not None:
            progress.warn(
                f"{place} asks for Python {series}, which no supported Debian suite has; using {fitting[0].python}",
                hint=f"choose a suite with [tool.grocker.debian] suite or --debian: {available()}",
            )
    return (fitting[0].name, *(row.name for row in fitting[1:] if row.is_released))


def available() -> str:
    """Return the Pythons of all suites, for messages: ``3.13 (trixie), 3.11 (bookworm)``."""
    return ", ".join(f"{row.python} ({row.name})" for row in SUITES.values())


def _fitting(directory: Path) -> list[Suite]:
    """Return the suites that ``requires-python`` allows, the preferred first; all of them if it allows none."""
    loaded = config_files.load_toml(directory / "pyproject.toml")
    table = loaded[0].get("project", {}) if loaded is not None else {}
    text = table.get("requires-python") if isinstance(table, dict) else None
    return _allowed_by(text if isinstance(text, str) else "")


def _allowed_by(text: str) -> list[Suite]:
    """Return the suites that a specifier allows, the preferred first; all of them if it allows none."""
    rows = list(SUITES.values())
    from packaging.specifiers import SpecifierSet

    try:
        allowed = SpecifierSet(text)
        return [row for row in rows if allowed.contains(f"{row.python}.999", prereleases=True)] or rows
    except ValueError:  # whoever reads the metadata says so
        return rows


def _pinned(directory: Path) -> tuple[str, str | None]:
    """Return the file that pins a Python series, and the series; None if no file does."""
    for name in (".python-version", "runtime.txt"):
        try:
            lines = local_file.read(directory / name).decode("utf-8", "replace").splitlines()[:20]
        except OSError:
            continue
        found = next((match["series"] for line in lines if (match := _SERIES.match(line))), None)
        if found is not None:
            return name, found
    return "", None
