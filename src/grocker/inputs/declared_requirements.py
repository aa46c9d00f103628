"""Convert the requirements of poetry and pipenv to PEP 508.

Sources: poetry documentation, "Dependency specification"; pipenv documentation, "Pipfile".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from grocker.errors import SettingsError

_RELEASE = re.compile(r"\d+(?:\.\d+)*")


def poetry_requirements(table: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the main dependencies of ``[tool.poetry]``. Raises SettingsError for what no index serves."""
    found = []
    for name, said in table.get("dependencies", {}).items():
        if name == "python":
            continue
        for one in said if isinstance(said, list) else [said]:
            if not (isinstance(one, dict) and one.get("optional")):
                found.append(_requirement(name, one, "[tool.poetry.dependencies]"))
    return tuple(found)


def pipfile_requirements(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the packages of a ``Pipfile``. Raises SettingsError for what no index serves."""
    packages = document.get("packages", {})
    return tuple(_requirement(name, said, "Pipfile, [packages]") for name, said in packages.items())


def _requirement(name: str, said: Any, place: str) -> str:
    details = said if isinstance(said, dict) else {}
    for source in ("git", "path", "file", "url", "hg", "svn"):
        if source in details:
            raise SettingsError(
                f"{place}: {name} comes from a {source}, not from an index",
                hint=f"lock the project, or serve a wheel of {name} from an index",
            )
    version = details.get("version", "*") if isinstance(said, dict) else said
    extras = f"[{','.join(details['extras'])}]" if details.get("extras") else ""
    marker = f" ; {details['markers']}" if details.get("markers") else ""
    return f"{name}{extras}{_specifier(str(version))}{marker}"


def _specifier(text: str) -> str:
    """Convert a version constraint to PEP 440: ``^1.2`` → ``>=1.2,<2``, ``~1.2`` → ``>=1.2,<1.3``."""
    parts = [part.strip() for part in text.split(",")]
    return ",".join(one for part in parts for one in _clauses(part))


def _clauses(part: str) -> list[str]:
    if part in ("", "*"):
        return []
    version = part.lstrip("^~=<>! ")
    release = _RELEASE.match(version)
    numbers = [int(number) for number in release[0].split(".")] if release else []
    if part.startswith("^") and numbers:
        place = next((at for at, number in enumerate(numbers) if number), len(numbers) - 1)
        return [f">={version}", f"<{_bump(numbers, place)}"]
    if part.startswith("~") and not part.startswith("~=") and numbers:
        return [f">={version}", f"<{_bump(numbers, min(1, len(numbers) - 1))}"]
    if part[0].isdigit():
        return [f"=={part}"]
    return [part.replace(" ", "")]


def _bump(numbers: list[int], place: int) -> str:
    """Return the lowest version above all that share the first ``place`` numbers and the next one."""
    return ".".join(map(str, [*numbers[:place], numbers[place] + 1]))
