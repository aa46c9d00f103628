"""A script that says in a comment what it requires (PEP 723): a source tree of one file."""

from __future__ import annotations

import hashlib
import re
from types import MappingProxyType

from msgspec.structs import replace

from grocker import local_file, python
from grocker.config.script_metadata import ScriptMetadata, read_script
from grocker.errors import SettingsError
from grocker.inputs.application import Application, ApplicationRequest
from grocker.inputs.detection import program_name
from grocker.inputs.documents import named_files
from grocker.inputs.tree import read_tree
from grocker.inputs.tree_files import TreeFiles
from grocker.inputs.tree_project import UNVERSIONED, TreeProject
from grocker.python.metadata import EntryPoint, normalise_name
from grocker.python.source_tree import SourceFile, hash_tree
from grocker.runner.contract import names
from grocker.tar.entry import File

_PYTHON = f"{names.VENV}/bin/python"
_RESERVED = frozenset({"python", "python3"})


def load(request: ApplicationRequest) -> Application:
    """Read the script and its metadata.

    It is served as a tree of that one file would be. A command of its name runs it, and if it is no web application, a
    service of its name.
    """
    path = request.origin.path
    assert path is not None
    metadata = read_script(path)
    described = _describe(request, metadata)
    data = local_file.read(path)
    file = SourceFile(path.name, hashlib.sha256(data).hexdigest())
    directory, stem = path.parent, path.stem
    files = TreeFiles(directory, (file,), hash_tree([file]), (), (), (), ())
    application = read_tree(request, directory, files, described, stem)
    lock = path.with_name(f"{path.name}.lock")
    return replace(
        application,
        installed=_with_command(application.installed, program_name(stem), path.name),
        unread_lock=lock if lock.exists() else None,
        files=(*application.files, str(lock), *map(str, named_files(directory, request.settings))),
    )


def _with_command(installed: python.Wheel, name: str, file: str) -> python.Wheel:
    if name in _RESERVED:
        return installed
    code = f"#!{_PYTHON}\nimport runpy\nrunpy.run_path({f'{names.APPLICATION}/{file}'!r}, run_name='__main__')\n"
    command = File(f"{names.VENV}/bin/{name}".removeprefix("/"), code.encode(), 0o755)
    return replace(
        installed,
        entries=tuple(sorted((*installed.entries, command), key=lambda entry: entry.path)),
        entry_points=(EntryPoint("console_scripts", name, file.removesuffix(".py"), ""),),
    )


def _describe(request: ApplicationRequest, metadata: ScriptMetadata) -> TreeProject:
    """Return the description of the script as that of a tree. Raises SettingsError for what Grocker does not read."""
    from packaging.specifiers import SpecifierSet

    path = request.origin.path
    assert path is not None
    if metadata.tool.get("uv"):
        raise SettingsError(
            f"{path.name}: [tool.uv] in a script is not supported",
            hint="remove it; set an index with index-url in [tool.grocker], or in this host's uv.toml",
        )
    try:
        SpecifierSet(metadata.requires_python)
    except ValueError as error:  # InvalidSpecifier, or a number of thousands of digits
        raise SettingsError(
            f"{path.name}: requires-python: invalid specifier {metadata.requires_python!r}",
            hint='write it as requires-python = ">=3.11"',
        ) from error
    for number, text in enumerate(metadata.dependencies):
        try:
            python.parse_requirement(text)
        except SettingsError as error:
            raise SettingsError(f"{path.name}: dependencies[{number}]: {error.message}", hint=error.hint) from error
    name = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "script"
    project = python.Project(
        directory=path.parent,
        name=normalise_name(name),
        version=UNVERSIONED,
        requires_python=metadata.requires_python,
        dependencies=metadata.dependencies,
        extras=(),
        build_requires=(),
        backend="",
        backend_path=(),
    )
    return TreeProject(project, name, UNVERSIONED, (), MappingProxyType({}))
