"""Which files a back end copies into the wheel as they are, while nothing else in the wheel depends on their content.

That is known of a static configuration alone: metadata that is written down, no hooks, no plug-ins. A setting that is
not known here may do anything. All this is found out after a back end has run, with its wheel as the evidence.

Sources: the documentation and the sources of setuptools 84, hatchling 1.33, flit_core 4.2, poetry-core 2.5, pdm-backend
2.5 and uv_build 0.13.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from posixpath import normpath
from typing import Any
from zipfile import ZipFile

import msgspec

from grocker.decoding import decode_toml
from grocker.digest import Digest
from grocker.errors import CorruptError
from grocker.lock.values import BuildRequirement
from grocker.python.module_imports import parse
from grocker.python.project import Project
from grocker.python.source_tree import SourceTree
from grocker.python.wheel_template import BACK_ENDS, WheelTemplate, rewrite_record
from grocker.regex import regex

_CHUNK = 1 << 20
_CONFIGURATION = regex(r"(?:.*/)?(?:\.[^/]*|pyproject\.toml|setup\.cfg|MANIFEST\.in|PKG-INFO)")
"""files that back ends, or the git that they call, read themselves"""
_UNQUOTED = regex(r'[^",\r\n]+')
"""paths that RECORD has as they are"""
_OTHER_TOOLS = regex(
    r"flake8.*|pycodestyle|pep8|pydocstyle|isort|(?:tool:)?pytest|mypy.*|pylint.*|coverage:.*|yapf|tox.*|bumpversion.*"
    r"|codespell|doc8|darglint"
)
"""sections of setup.cfg that setuptools does not read"""
_WILD = regex(r"[*?\[{]")
_HATCH_BUILD = frozenset(
    (
        *("include", "exclude", "packages", "only-include", "only-packages", "sources", "artifacts", "ignore-vcs"),
        *("skip-excluded-dirs", "reproducible", "directory", "dev-mode-dirs", "dev-mode-exact"),
    )
)
_HATCH_WHEEL = _HATCH_BUILD | {"core-metadata-version", "strict-naming", "macos-max-compat", "bypass-selection"}
_SETUPTOOLS = frozenset(
    (
        *("packages", "package-dir", "package-data", "exclude-package-data", "include-package-data", "py-modules"),
        *("dynamic", "license-files", "zip-safe", "platforms", "provides", "obsoletes"),
    )
)
_UV = frozenset(
    (
        *("module-name", "module-root", "namespace", "default-excludes", "source-include", "source-exclude"),
        "wheel-exclude",
    )
)
_PDM = frozenset({"includes", "excludes", "source-includes", "package-dir", "is-purelib", "editable-backend"})
_FLIT_MODULES = ("__init__", "version", "_version", "__version__")
"""modules of a package that flit_core looks for the version in"""


class _DynamicError(Exception):
    """The wheel may depend on more than is known here."""


class _Configuration(msgspec.Struct, frozen=True):
    document: Mapping[str, Any]
    """pyproject.toml"""
    tree: SourceTree
    pins: Mapping[str, str]
    """what is installed with the back end: name → version"""

    def table(self, *keys: str) -> Mapping[str, Any]:
        """A table of the document; empty if it is not there."""
        table = self.document
        for key in keys:
            found = table.get(key, {})
            if not isinstance(found, Mapping):
                raise _DynamicError
            table = found
        return table

    def dynamic(self) -> frozenset[str]:
        return frozenset(self.table("project").get("dynamic", ()))

    def paths(self, ends: Sequence[str]) -> set[str]:
        """The files of the tree with one of these names, wherever they lie."""
        return {file.path for file in self.tree.files for end in ends if f"/{file.path}".endswith(f"/{end}")}

    def has(self, path: str) -> bool:
        return any(file.path == path for file in self.tree.files)

    def module(self, path: str) -> ast.Module:
        """The parsed module at ``path``."""
        found = parse(_read(self.tree, path))
        _need(found is not None)
        assert found is not None
        return found


def find_template(
    project: Project, tree: SourceTree, pins: Sequence[BuildRequirement], wheel: Path, digest: Digest
) -> WheelTemplate | None:
    """What later wheels of ``project`` can be made from; None unless its configuration is known to be static.

    ``wheel``: what its back end made of ``tree`` with ``pins``, as ``write_pure_wheel`` writes it; ``digest``: its own.
    """
    try:
        read = _find_read_files(project, tree, pins)
        members, record = _find_copies(tree, wheel)
    except _DynamicError:
        return None
    copies = {path: name for path, name in members.items() if path not in read and not _CONFIGURATION.fullmatch(path)}
    return WheelTemplate(digest, wheel.name, {file.path: file.digest for file in tree.files}, copies, record)


def _need(is_static: bool) -> None:
    if not is_static:
        raise _DynamicError


def _read(tree: SourceTree, path: str) -> bytes:
    """A file of the tree as the back end got it."""
    try:
        return next(file for file in tree.files if file.path == path).read(tree.root)
    except (StopIteration, OSError, CorruptError) as error:
        raise _DynamicError from error


def _find_copies(tree: SourceTree, wheel: Path) -> tuple[dict[str, str], str]:
    """The files that are one member each: path → member; and the member that lists the others.

    Raises _DynamicError if a member is not the copy of a file, metadata apart.
    """
    with ZipFile(wheel) as archive:
        sizes = {one.filename: one.file_size for one in archive.infolist() if not one.is_dir()}
        hashes = {name: _hash(archive, name) for name in sizes}
        [record, *more] = [name for name in sizes if re.fullmatch(r"[^/]+\.dist-info/RECORD", name)] or [""]
        _need(bool(record) and not more)
        listed = archive.read(record)
    own = {name for name in sizes if name.startswith(record.removesuffix("RECORD"))}
    metadata = {hashes[name] for name in own}
    digests = {file.path: file.digest for file in tree.files}
    pairs = [(path, end) for path, digest in digests.items() for end in _ends(path) if hashes.get(end) == digest]
    _need({name for _, name in pairs} | own == sizes.keys())
    by_path, by_name = Counter(path for path, _ in pairs), Counter(name for _, name in pairs)
    members = {
        path: name
        for path, name in pairs
        if by_path[path] == by_name[name] == 1 and digests[path] not in metadata and _UNQUOTED.fullmatch(name)
    }
    rows = {name: (digests[path], sizes[name]) for path, name in members.items()}
    _need(rewrite_record(listed, rows) == listed)
    return members, record


def _hash(archive: ZipFile, name: str) -> str:
    hashing = hashlib.sha256()
    with archive.open(name) as stream:
        while data := stream.read(_CHUNK):
            hashing.update(data)
    return hashing.hexdigest()


def _ends(path: str) -> Iterator[str]:
    """Yield ``path``, and what is left of it without the directories above, one after the other."""
    yield path
    while "/" in path:
        path = path.partition("/")[2]
        yield path


def _find_read_files(project: Project, tree: SourceTree, pins: Sequence[BuildRequirement]) -> set[str]:
    """The files whose content the back end may use for more than a copy. Raises _DynamicError if it may be any."""
    known = _BACK_ENDS.get(project.backend)
    _need(known is not None and project.backend in BACK_ENDS and not project.backend_path)
    assert known is not None
    packages, find = known
    names = {pin.name: pin.version for pin in pins}
    _need(len(names) == len(pins) and names.keys() <= packages)
    text = _read(tree, "pyproject.toml").decode("utf-8")
    configuration = _Configuration(decode_toml(text), tree, names)
    # Whatever the document names: a description, a licence, a file with the version.
    return find(configuration) | {normpath(word) for word in _words(configuration.document)}


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _words(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from _words(one)


def _read_by_setuptools(configuration: _Configuration) -> set[str]:
    settings = configuration.table("tool", "setuptools")
    _need("project" in configuration.document and settings.keys() <= _SETUPTOOLS)
    _need("distutils" not in configuration.table("tool") and not configuration.has("setup.py"))
    # Older ones ask for wheel, of any version.
    version = re.match(r"[0-9]+", configuration.pins.get("setuptools", ""))
    _need("wheel" in configuration.pins or (version is not None and int(version[0]) > 70))
    for name, place in configuration.table("tool", "setuptools", "package-dir").items():
        # A directory of another name has another path in the wheel.
        _need(not name or (isinstance(place, str) and f"/{normpath(place)}".endswith(f"/{name.replace('.', '/')}")))
    if configuration.has("setup.cfg"):
        text = _read(configuration.tree, "setup.cfg").decode("utf-8", "replace")
        _need(all(_OTHER_TOOLS.fullmatch(one.strip()) for one in re.findall(r"(?m)^\s*\[([^\]\n]*)\]", text)))
    dynamic = dict(configuration.table("tool", "setuptools", "dynamic"))
    extras = configuration.table("tool", "setuptools", "dynamic", "optional-dependencies")
    dynamic.pop("optional-dependencies", None)
    return {path for one in (*dynamic.values(), *extras.values()) for path in _read_by_directive(configuration, one)}


def _read_by_directive(configuration: _Configuration, directive: Any) -> set[str]:
    """What setuptools reads a field of the metadata from: files that the document names, or a module."""
    _need(isinstance(directive, dict) and directive.keys() <= {"file", "attr", "content-type"})
    if "attr" not in directive:
        _need(not any(_WILD.search(word) for word in _words(directive)))
        return set()
    _need(isinstance(directive["attr"], str))
    module, _, name = directive["attr"].strip().rpartition(".")
    place = module.replace(".", "/")
    found = configuration.paths([f"{place}.py", f"{place}/__init__.py"]) if place else set()
    _need(bool(found))
    for path in found:
        # With anything else, setuptools imports the module, which may import any other.
        assigned = [value for target, value in _assignments(configuration.module(path)) if target == name]
        _need(len(assigned) == 1 and isinstance(assigned[0], ast.Constant))
    return found


def _assignments(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that a module's own lines assign, with their values."""
    for statement in module.body:
        if isinstance(statement, ast.AnnAssign) and statement.value and isinstance(statement.target, ast.Name):
            yield statement.target.id, statement.value
        elif isinstance(statement, ast.Assign):
            value = statement.value
            yield from ((target.id, value) for target in statement.targets if isinstance(target, ast.Name))


def _read_by_hatchling(configuration: _Configuration) -> set[str]:
    _need("project" in configuration.document and not configuration.has("hatch.toml"))
    _need(configuration.dynamic() <= {"version"})
    version = configuration.table("tool", "hatch", "version")
    _need(version.keys() <= {"path", "pattern", "source", "validate-bump"} and version.get("source") in (None, "regex"))
    _need(not configuration.dynamic() or isinstance(version.get("path"), str))
    _need(configuration.table("tool", "hatch", "metadata").keys() <= {"allow-direct-references"})
    build = configuration.table("tool", "hatch", "build")
    wheel = configuration.table("tool", "hatch", "build", "targets", "wheel")
    _need(build.keys() <= _HATCH_BUILD | {"targets"} and wheel.keys() <= _HATCH_WHEEL)
    # A table gives files other names in the wheel.
    _need(all(isinstance(table.get("sources", []), list) for table in (build, wheel)))
    return set()


def _read_by_flit(configuration: _Configuration) -> set[str]:
    _need("project" in configuration.document)
    _need(configuration.table("tool", "flit").keys() <= {"module", "sdist"})
    dynamic = configuration.dynamic()
    _need(dynamic <= {"version", "description"})
    if not dynamic:
        return set()
    name = configuration.table("tool", "flit", "module").get("name") or configuration.table("project").get("name")
    _need(isinstance(name, str))
    place = str(name).replace("-", "_").replace(".", "/")
    found = configuration.paths([f"{place}.py", *(f"{place}/{one}.py" for one in _FLIT_MODULES)])
    modules = {path: configuration.module(path) for path in found}
    own = [module for path, module in modules.items() if path.endswith((f"{place}.py", "/__init__.py"))]
    versions = [
        value.value
        for module in modules.values()
        for target, value in _assignments(module)
        if target == "__version__" and isinstance(value, ast.Constant)
    ]
    # With anything else, flit_core imports the module, which may import any other.
    _need(len(own) == 1 and (bool(ast.get_docstring(own[0])) or "description" not in dynamic))
    _need("version" not in dynamic or (len(versions) == 1 and bool(versions[0])))
    return found


def _read_by_poetry(configuration: _Configuration) -> set[str]:
    settings = configuration.table("tool", "poetry")
    _need("build" not in settings)
    # A package that goes to another place has another name there.
    packages = settings.get("packages", [])
    _need(isinstance(packages, list) and not any(isinstance(one, dict) and "to" in one for one in packages))
    return set()


def _read_by_pdm(configuration: _Configuration) -> set[str]:
    _need("project" in configuration.document and not configuration.has("pdm_build.py"))
    _need(configuration.dynamic() <= {"version"})
    _need(configuration.table("tool", "pdm", "build").keys() <= _PDM)
    version = configuration.table("tool", "pdm", "version")
    _need(not configuration.dynamic() or (version.keys() == {"source", "path"} and version["source"] == "file"))
    return set()


def _read_by_uv(configuration: _Configuration) -> set[str]:
    _need("project" in configuration.document and not configuration.dynamic())
    _need(configuration.table("tool", "uv", "build-backend").keys() <= _UV)
    return set()


_BACK_ENDS: Mapping[str, tuple[frozenset[str], Callable[[_Configuration], set[str]]]] = {
    "setuptools.build_meta": (frozenset({"setuptools", "wheel", "packaging"}), _read_by_setuptools),
    "hatchling.build": (
        frozenset({"hatchling", "packaging", "pathspec", "pluggy", "tomli", "tomlkit", "trove-classifiers"}),
        _read_by_hatchling,
    ),
    "flit_core.buildapi": (frozenset({"flit-core"}), _read_by_flit),
    "poetry.core.masonry.api": (frozenset({"poetry-core"}), _read_by_poetry),
    "pdm.backend": (frozenset({"pdm-backend"}), _read_by_pdm),
    "uv_build": (frozenset({"uv-build"}), _read_by_uv),
}
"""back end → what may be installed with it, and what it reads besides what it copies"""
