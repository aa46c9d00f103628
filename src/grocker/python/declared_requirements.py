"""Convert the requirements of poetry and pipenv to PEP 508.

Sources: poetry documentation, "Dependency specification"; pipenv documentation, "Pipfile".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from grocker.errors import SettingsError
from grocker.regex import regex

_RELEASE = regex(r"\d+(?:\.\d+)*")


def poetry_requirements(table: Mapping[str, Any], extras: Collection[str] = ()) -> tuple[str, ...]:
    """Return the dependencies of ``[tool.poetry]``, the main ones, or of one of its groups.

    ``extras``: names of optional dependencies that count. Raises SettingsError for other repositories than git's.
    """
    found = []
    for name, said in table.get("dependencies", {}).items():
        if name == "python":
            continue
        for one in said if isinstance(said, list) else [said]:
            if not (isinstance(one, dict) and one.get("optional") and name not in extras):
                found.append(_requirement(name, one, "[tool.poetry.dependencies]"))
    return tuple(found)


def pipfile_requirements(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the packages of a ``Pipfile``. Raises SettingsError for other repositories than git's."""
    packages = document.get("packages", {})
    return tuple(_requirement(name, said, "Pipfile, [packages]") for name, said in packages.items())


def _requirement(name: str, said: Any, place: str) -> str:
    details = said if isinstance(said, dict) else {}
    for source in ("hg", "svn"):
        if source in details:
            raise SettingsError(
                f"{place}: {name} comes from {source}; the only supported version control system is git",
                hint=f"serve a wheel of {name} from an index",
            )
    version = details.get("version", "*") if isinstance(said, dict) else said
    extras = f"[{','.join(details['extras'])}]" if details.get("extras") else ""
    condition = " and ".join(f"({one})" if " or " in one else one for one in _markers(details))
    marker = f" ; {condition}" if condition else ""
    address = _address(details)
    return f"{name}{extras}{f' @ {address}' if address else _specifier(str(version))}{marker}"


def _address(details: Mapping[str, Any]) -> str:
    """The address of what does not come from an index (PEP 508); empty for what does. Paths stay relative."""
    within = f"#subdirectory={details['subdirectory']}" if details.get("subdirectory") else ""
    if "git" in details:
        reference = next((str(details[key]) for key in ("rev", "ref", "tag", "branch") if details.get(key)), "")
        url = str(details["git"]).removeprefix("git+")
        if "://" not in url and ":" in url:  # user@host:path
            url = "ssh://" + url.replace(":", "/", 1)
        return f"git+{url}{'@' + reference if reference else ''}{within}"
    for key in ("path", "file", "url"):
        if key in details:
            where = str(details[key])
            return f"{where if '://' in where else 'file:' + where}{within}"
    return ""


def _markers(details: Mapping[str, Any]) -> list[str]:
    found = [str(details["markers"])] if details.get("markers") else []
    if details.get("python") and "|" not in str(details["python"]):
        for clause in _specifier(str(details["python"])).split(","):
            match = re.match(r"(?P<operator>[<>=!~]+)(?P<version>.+)", clause)
            if match is not None:
                found.append(f"python_full_version {match['operator']} '{match['version']}'")
    if details.get("platform"):
        found.append(f"sys_platform == '{details['platform']}'")
    return found


def python_specifier(text: str) -> str:
    """Convert poetry's constraint on Python to PEP 440; empty if it has alternatives, which PEP 440 cannot express."""
    return "" if "|" in text else _specifier(text)


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
