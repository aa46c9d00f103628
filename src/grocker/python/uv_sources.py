"""``[tool.uv.sources]``: sources of requirements other than the index (uv documentation, "Dependency sources").

uv applies it to a project and its ``uv.lock``, not to a list of requirements. Without a ``uv.lock``, a package of the
same name on the index would be installed, whoever published it there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from grocker.errors import SettingsError
from grocker.python.indexes import read_uv_table
from grocker.python.metadata import normalise_name

_KINDS = ("workspace", "path", "git", "url", "index")


def check(names: Iterable[str], directory: Path, environ: Mapping[str, str], markers: Mapping[str, str]) -> None:
    """Reject requirements for which the project in ``directory``, or its workspace, has a source of its own.

    ``environ``: uv's. ``markers``: the variables of the platform. Raises SettingsError.
    """
    if environ.get("UV_NO_SOURCES", "").lower() in ("1", "true"):
        return
    sources = _sources(directory)
    for name in sorted(set(map(normalise_name, names)) & sources.keys()):
        kind = next((kind for kind in _kinds(sources[name], markers)), None)
        if kind is None:
            continue
        remedy = f"serve a wheel of {name} from an index, and ignore the source: UV_NO_SOURCES=1"
        if kind in ("url", "index"):
            remedy = (
                "run: uv lock (Grocker follows a uv.lock beside pyproject.toml), or ignore the source: UV_NO_SOURCES=1"
            )
        raise SettingsError(
            f"resolving dependencies: [tool.uv.sources] replaces the index as the source of {name} ({kind})",
            hint=remedy,
        )


def _sources(directory: Path) -> dict[str, Any]:
    """The project's sources by normalised name, and its workspace's for all others."""
    found: dict[str, Any] = {}
    here = directory.absolute()
    for place in (here, *here.parents):
        table = read_uv_table(place / "pyproject.toml")
        if place == here or has_member(table, place, here):
            sources = table.get("sources")
            for name, source in sources.items() if isinstance(sources, dict) else ():
                found.setdefault(normalise_name(name), source)
    return found


def has_member(table: Mapping[str, Any], root: Path, member: Path) -> bool:
    """Whether the project in ``member`` belongs to the workspace of ``root``, whose ``[tool.uv]`` is ``table``."""
    workspace = table.get("workspace")
    if not isinstance(workspace, dict):
        return False

    def matches(patterns: object) -> bool:
        texts = patterns if isinstance(patterns, list) else []
        return any(member in root.glob(pattern) for pattern in texts if isinstance(pattern, str) and pattern)

    try:
        return matches(workspace.get("members")) and not matches(workspace.get("exclude"))
    except (ValueError, NotImplementedError):  # an empty or absolute pattern, which uv does not accept either
        return False


def _kinds(source: object, markers: Mapping[str, str]) -> Iterator[str]:
    """The kind of each part of a source that applies on the platform."""
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

    for one in source if isinstance(source, list) else [source]:
        if not isinstance(one, dict):
            continue
        try:
            holds = "marker" not in one or Marker(one["marker"]).evaluate(dict(markers))
        except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, KeyError, TypeError):
            holds = True
        if holds:
            yield from (kind for kind in _KINDS if one.get(kind))
