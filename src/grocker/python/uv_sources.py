"""``[tool.uv.sources]``: sources of requirements other than the index (uv documentation, "Dependency sources").

uv applies it to a project and its ``uv.lock``, not to a list of requirements. Without a ``uv.lock``, a package of the
same name on the index would be installed, whoever published it there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from grocker import local_file
from grocker.decoding import decode_toml
from grocker.errors import SettingsError
from grocker.python.indexes import read_uv_table
from grocker.python.metadata import normalise_name
from grocker.python.requirements import MARKER_ERRORS
from grocker.python.sources import DirectorySource, Source, WheelAddress, parse_git, parse_source

_KINDS = ("workspace", "path", "git", "url", "index")


def find_sources(
    names: Iterable[str], directory: Path, environ: Mapping[str, str], markers: Mapping[str, str]
) -> dict[str, Source | WheelAddress]:
    """The sources that the project in ``directory``, or its workspace, has for requirements, by normalised name.

    ``environ``: uv's. ``markers``: the variables of the platform. Raises SettingsError for indexes, which uv applies
    to a lock alone, and for malformed sources.
    """
    if environ.get("UV_NO_SOURCES", "").lower() in ("1", "true"):
        return {}
    sources = _sources(directory)
    found: dict[str, Source | WheelAddress] = {}
    for name in sorted(set(map(normalise_name, names)) & sources.keys()):
        place, said = sources[name]
        for kind, one in _kinds(said, markers):
            source = _read(kind, one, name, place)
            if source is None:
                raise SettingsError(
                    f"resolving dependencies: [tool.uv.sources] replaces the index as the source of {name} ({kind})",
                    hint="run: uv lock (Grocker follows a uv.lock beside pyproject.toml), or ignore the source:"
                    " UV_NO_SOURCES=1",
                )
            found[name] = source
            break
    return found


def check(names: Iterable[str], directory: Path, environ: Mapping[str, str], markers: Mapping[str, str]) -> None:
    """Reject requirements that have a source of their own where only an index counts. Raises SettingsError."""
    found = find_sources(names, directory, environ, markers)
    for name in found:
        raise SettingsError(
            f"resolving build requirements: [tool.uv.sources] replaces the index as the source of {name}",
            hint=f"serve a wheel of {name} from an index, and ignore the source: UV_NO_SOURCES=1",
        )


def _read(kind: str, source: Mapping[str, Any], name: str, place: Path) -> Source | WheelAddress | None:
    if kind == "git":
        reference = next((str(source[key]) for key in ("rev", "tag", "branch") if source.get(key)), "")
        git = parse_git(str(source["git"]), name=name, reference=reference, base=place)
        return replace(git, subdirectory=str(source.get("subdirectory", git.subdirectory)))
    if kind == "path":
        path = (place / str(source["path"])).absolute()
        return parse_source(path.as_uri(), name=name) or WheelAddress(path.as_uri(), name)
    if kind == "url":
        return parse_source(str(source["url"]), name=name) or WheelAddress(str(source["url"]), name)
    if kind == "workspace":
        return next((one for one in _members(place) if one.name == name), None)
    return None


def _members(root: Path) -> Iterator[DirectorySource]:
    """The members of the workspace of ``root``, the root itself included."""
    workspace = read_uv_table(root / "pyproject.toml").get("workspace", {})
    patterns = workspace.get("members", []) if isinstance(workspace, dict) else []
    for place in (root, *(path for pattern in patterns for path in sorted(root.glob(pattern)))):
        try:
            project = decode_toml(local_file.read_text(place / "pyproject.toml")).get("project", {})
        except (OSError, ValueError):
            continue
        if isinstance(project.get("name"), str):
            yield DirectorySource(place.absolute(), name=normalise_name(project["name"]))


def _sources(directory: Path) -> dict[str, tuple[Path, Any]]:
    """The project's sources by normalised name, and its workspace's for all others, with where they stand."""
    found: dict[str, tuple[Path, Any]] = {}
    here = directory.absolute()
    for place in (here, *here.parents):
        table = read_uv_table(place / "pyproject.toml")
        if place == here or has_member(table, place, here):
            sources = table.get("sources")
            for name, source in sources.items() if isinstance(sources, dict) else ():
                found.setdefault(normalise_name(name), (place, source))
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


def _kinds(source: object, markers: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each part of a source that applies on the platform, with its kind."""
    from packaging.markers import Marker

    for one in source if isinstance(source, list) else [source]:
        if not isinstance(one, dict):
            continue
        try:
            holds = "marker" not in one or Marker(one["marker"]).evaluate(dict(markers))
        except MARKER_ERRORS:
            holds = True
        if holds:
            yield from ((kind, one) for kind in _KINDS if one.get(kind))
