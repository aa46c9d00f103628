"""The description of a source tree: whether it is a package, its name and version, its requirements."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from grocker import local_file, python
from grocker.config import files as config_files
from grocker.config.settings import Settings
from grocker.errors import MissingError, SettingsError
from grocker.python.declared_requirements import pipfile_requirements, poetry_requirements
from grocker.python.metadata import normalise_name
from grocker.regex import regex
from grocker.tar.entry import Entry

UNVERSIONED = "latest"
"""version of a tree that names none"""
REQUIREMENT_FILES = (
    "requirements.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements/base.txt",
    "requirements-prod.txt",
    "requirements-production.txt",
)
"""the first that exists counts"""
_DESCRIPTION = regex(r"/[^/]+\.dist-info/(?!RECORD\Z)")
_ASIDE = regex(r"(?:.*[-_])?(?:tests?|e2e|docs?|examples?|scripts?|tools?|benchmarks?|notebooks?|evals?)\Z")
"""names of directories that hold no application"""


class TreeProject(msgspec.Struct, frozen=True):
    """A tree's description."""

    project: python.Project
    name: str
    version: str
    requirement_files: tuple[Path, ...]
    """in the format of pip"""
    scripts: Mapping[str, str]
    """``project.scripts``: ``module:function`` by name"""
    metadata: python.Metadata | None = None
    """of its wheel, if there is one; it says what is required then"""
    description: tuple[Entry, ...] = ()
    """the ``.dist-info`` of its wheel, for ``importlib.metadata``, without the record of files"""


def is_tree(directory: Path, settings: Settings) -> bool:
    """Tell whether the project is a source tree rather than a package.

    ``install`` in the settings decides; else a package is what has a build system, unless it calls itself an
    application (``tool.uv.package``, ``tool.poetry.package-mode``, ``tool.pdm.distribution``) or has an empty name, as
    ``pdm init`` wrote for applications.
    """
    if settings.install is not None:
        return settings.install == "tree"
    document = _document(directory)
    if _table(document, "project").get("name") == "":
        return True
    tool = _table(document, "tool")
    for name, key in (("uv", "package"), ("poetry", "package-mode"), ("pdm", "distribution")):
        said = _table(tool, name).get(key)
        if isinstance(said, bool):
            return not said
    if "build-system" in document:
        return False
    if "project" in document:
        return True
    return not _is_legacy_package(directory)


def read_tree_project(directory: Path, settings: Settings, built: python.Wheel | None = None) -> TreeProject:
    """Read the description of the tree in ``directory``.

    ``built``: its wheel. Raises SettingsError if only a back end could tell what the tree requires.
    """
    found = _read_declared(directory, settings)
    if built is not None:
        named = tuple(directory / one for one in settings.requirements)
        points = {p.name: f"{p.module}:{p.object}" for p in built.entry_points if p.group == "console_scripts"}
        return TreeProject(
            project=msgspec.structs.replace(found.project, name=built.name, version=built.version),
            name=built.metadata.name,
            version=built.version,
            requirement_files=named if built.metadata.requires or named else found.requirement_files,
            scripts=points,
            metadata=built.metadata,
            description=tuple(one for one in built.entries if _DESCRIPTION.search(one.path)),
        )
    place = _dynamic_requirements(directory, found)
    if place is not None:
        raise SettingsError(
            f"the requirements of the source tree are in {place}, which only its build back end reads",
            hint='list them in requirements.txt, or build a package: install = "package" in [tool.grocker]',
        )
    return found


def _read_declared(directory: Path, settings: Settings) -> TreeProject:
    document = _document(directory)
    table = _table(document, "project")
    own = table.get("name")
    own = own if isinstance(own, str) and own else None
    version = table.get("version")
    version = version if isinstance(version, str) and version else UNVERSIONED
    dependencies = _strings(table.get("dependencies"))
    files = named_requirement_files(directory, settings)
    if not files and not dependencies and python.find_lock(directory) is None:
        own_file = _requirement_file(directory)
        files = (directory / own_file,) if own_file is not None else ()
        dependencies = () if files else _declared(directory, document)
        if not files and not dependencies:
            below = [(inner / one) for inner in directories_below(directory) if (one := _requirement_file(inner))]
            files = tuple(below) if len(below) == 1 else ()
    optional = _table(table, "optional-dependencies")
    requires = table.get("requires-python")
    scripts = _table(table, "scripts")
    project = python.Project(
        directory=directory,
        name=normalise_name(own) if own is not None else None,
        version=version,
        requires_python=requires if isinstance(requires, str) else "",
        dependencies=dependencies,
        extras=tuple(sorted((normalise_name(one), _strings(optional[one])) for one in optional)),
        build_requires=(),
        backend="",
        backend_path=(),
    )
    name = own or _name_for(directory)
    return TreeProject(project, name, version, files, {k: v for k, v in scripts.items() if isinstance(v, str)})


def directories_below(directory: Path) -> tuple[Path, ...]:
    """Return the directories directly in ``directory`` that may hold an application, sorted."""
    try:
        inner = sorted(directory.iterdir())
    except OSError:  # the build says why
        return ()
    return tuple(
        path
        for path in inner
        if not path.name.startswith((".", "_"))
        and _ASIDE.match(path.name) is None
        and path.is_dir()
        and not (path / "pyvenv.cfg").exists()
    )


def _requirement_file(directory: Path) -> str | None:
    return next((one for one in REQUIREMENT_FILES if (directory / one).is_file()), None)


def named_requirement_files(directory: Path, settings: Settings) -> tuple[Path, ...]:
    """Return the requirement files that the settings name. Raises SettingsError for one that is not there."""
    files = tuple(directory / one for one in settings.requirements)
    for file in files:
        if not file.is_file():
            raise SettingsError(
                f"requirements: the project has no file {str(file.relative_to(directory))!r}",
                hint="fix requirements in [tool.grocker]",
            )
    return files


def check_tree(directory: Path, paths: Sequence[str]) -> None:
    """Raise MissingError if the tree has neither Python files nor requirements."""
    if not directory.is_dir():
        kind = "is a file" if directory.exists() else "does not exist"
        raise MissingError(f"reading the project: {directory} {kind}", hint="name a project's directory")
    if not any(path.endswith(".py") for path in paths):
        raise MissingError(
            f"reading the project: {directory} has no Python files",
            hint="name the directory that holds the application's code",
        )


def only_back_end_reads(directory: Path, settings: Settings) -> bool:
    """Tell whether the project has requirements that only its back end can read."""
    return _dynamic_requirements(directory, _read_declared(directory, settings)) is not None


def _dynamic_requirements(directory: Path, found: TreeProject) -> str | None:
    """Return the file with requirements that only a back end reads, unless others are found."""
    if found.project.dependencies or found.requirement_files or python.find_lock(directory) is not None:
        return None
    document = _document(directory)
    if "project" in document:
        dynamic = _table(document, "project").get("dynamic")
        return "pyproject.toml (dynamic)" if isinstance(dynamic, list) and "dependencies" in dynamic else None
    return next((name for name in ("setup.py", "setup.cfg") if "install_requires" in _text(directory / name)), None)


def _declared(directory: Path, document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what poetry or pipenv declare, unlocked."""
    poetry = poetry_requirements(_table(_table(document, "tool"), "poetry"))
    if poetry:
        return poetry
    loaded = config_files.load_toml(directory / "Pipfile")
    return pipfile_requirements(loaded[0]) if loaded is not None else ()


def _is_legacy_package(directory: Path) -> bool:
    """Tell whether ``setup.py`` or ``setup.cfg`` describe a package with its dependencies."""
    if any((directory / one).is_file() for one in REQUIREMENT_FILES):
        described = _text(directory / "setup.py") + _text(directory / "setup.cfg")
        return "install_requires" in described
    return (directory / "setup.py").is_file() or "[metadata]" in _text(directory / "setup.cfg")


def _document(directory: Path) -> dict[str, Any]:
    loaded = config_files.load_toml(directory / "pyproject.toml")
    return loaded[0] if loaded is not None else {}


def _table(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _text(path: Path) -> str:
    try:
        return local_file.read(path).decode("utf-8", "replace")
    except OSError:
        return ""


def _name_for(directory: Path) -> str:
    return re.sub(r"[^a-z0-9]+", "-", directory.resolve().name.lower()).strip("-") or "app"
