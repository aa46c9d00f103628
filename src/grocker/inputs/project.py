"""A project's directory: a package that its back end builds, or a source tree that runs as it is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from grocker import python
from grocker.context import Context
from grocker.errors import CorruptError
from grocker.inputs.application import Application, ApplicationRequest
from grocker.inputs.build_commands import UnbuiltFrontEnd, run_build_commands
from grocker.inputs.produced import Produced
from grocker.inputs.tree_files import read_files
from grocker.inputs.tree_project import REQUIREMENT_FILES, is_tree, only_back_end_reads
from grocker.python.tree_record import Stat, find_stat, settled

if TYPE_CHECKING:
    from grocker.inputs.front_end import FrontEnd

_LIBRARIES = frozenset({"node_modules", "site-packages", "venv", "__pycache__"})
"""directories in which others' packages are"""
_MANY = 50
"""directories that are quicker to compare than to list"""
_FEW = 10
"""directories that are quicker to list in each build than to keep"""


def load(request: ApplicationRequest) -> Application:
    """Run the project's build commands, or build its front end, and load it with their outputs as a package or a tree.

    A package is loaded as a tree if its back end does not find its code, or leaves out what a service needs.
    """
    directory = request.origin.path
    assert directory is not None
    unbuilt = _find_unbuilt(request, directory)
    is_built_here = unbuilt is not None and any((directory / one).exists() for one in unbuilt.front_end.outputs)
    if unbuilt is not None and is_built_here and not is_tree(directory, request.settings):
        application = _load(request, directory, None)
        if _has_outputs(application, unbuilt.front_end):
            return application  # git ignores them, and the wheel has them
    produced = run_build_commands(request, unbuilt)
    application = _load(request, directory, produced)
    if produced is not None:
        return replace(application, produced=produced)
    if unbuilt is not None and not _has_outputs(application, unbuilt.front_end):
        _warn_of_unbuilt(request, unbuilt.front_end)
    return application


def _find_unbuilt(request: ApplicationRequest, directory: Path) -> UnbuiltFrontEnd | None:
    """Find a front end whose output the code uses and the project does not have, unless the settings have commands."""
    if request.settings.build.commands is not None:
        return None
    if not _has_package(request.context, directory):
        return None
    from grocker.inputs.front_end import find_front_ends, find_unbuilt

    files = read_files(request.context, directory, request.settings.include)
    one = find_unbuilt(find_front_ends(files), files)
    return UnbuiltFrontEnd(one, files) if one is not None else None


def _has_package(context: Context, directory: Path) -> bool:
    """Tell whether there is a ``package.json`` in a directory, or at most three directories below it.

    Of many directories the ``stat`` values are kept of those without one, so that they are not listed again.
    """
    key = "source-packages-" + hashlib.sha256(os.fsencode(directory.absolute())).hexdigest()
    kept = context.store.kept("steps", key)
    look = _PackageSearch(_decode_stats(kept) if kept is not None else {})
    if look.finds(str(directory), 3):
        return True
    if len(look.seen) > _MANY and look.listed > _FEW:
        now = int(context.now * 1e9)
        stats = {path: settled(stat, now) for path, stat in look.seen.items()}
        with suppress(UnicodeEncodeError):  # a path that is no text
            context.store.keep("steps", key, msgspec.msgpack.encode(stats))
    return False


def _decode_stats(data: bytes) -> dict[str, Stat]:
    try:
        return msgspec.msgpack.decode(data, type=dict[str, Stat])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


class _PackageSearch:
    """A search for ``package.json``."""

    def __init__(self, known: Mapping[str, Stat]) -> None:
        """``known``: directories without one, all that are to be looked at below each among them."""
        self._known = known
        self._below: dict[str, list[str]] = {}
        for path in known:
            self._below.setdefault(path.rpartition("/")[0], []).append(path)
        self.seen: dict[str, Stat] = {}
        """the values of all directories, from before they were listed"""
        self.listed = 0

    def finds(self, directory: str, depth: int) -> bool:
        """Tell whether there is one in a directory, or at most ``depth`` directories below it."""
        self.seen[directory] = stat = find_stat(directory)
        below = self._below.get(directory, []) if self._known.get(directory) == stat else self._list(directory)
        return below is None or (depth > 0 and any(self.finds(path, depth - 1) for path in below))

    def _list(self, directory: str) -> list[str] | None:
        """Return the directories to look at next; None if there is a ``package.json``."""
        self.listed += 1
        below = []
        try:
            with os.scandir(directory) as listing:
                for entry in listing:
                    if entry.name == "package.json":
                        return None
                    if entry.is_dir(follow_symlinks=False) and entry.name not in _LIBRARIES and entry.name[0] != ".":
                        below.append(entry.path)
        except OSError:
            return []
        return below


def _has_outputs(application: Application, front_end: FrontEnd) -> bool:
    inner = [f"/{output.removeprefix('src/')}/" for output in front_end.outputs]
    return any(place in f"/{entry.path}/" for place in inner for entry in application.installed.entries)


def _warn_of_unbuilt(request: ApplicationRequest, front_end: FrontEnd) -> None:
    """Warn of a front end that Grocker does not build."""
    manager = front_end.manager
    hint = f"run `{manager} run build` before grocker build; git must not ignore its output"
    if not front_end.lock:
        hint = f"add {manager}'s lock file so that Grocker builds it, or set commands in [tool.grocker.build]"
    request.context.progress.warn(
        f"the front end of {front_end.place} is not built: the application lacks {', '.join(front_end.outputs)}",
        hint=hint,
    )


def _load(request: ApplicationRequest, directory: Path, produced: Produced | None) -> Application:
    settings = request.settings
    if is_tree(directory, settings):
        from grocker.inputs import tree

        return tree.load(request, produced)
    from grocker.inputs import package
    from grocker.inputs.completeness import IncompleteWheelError

    try:
        return package.load(request, produced)
    except CorruptError as error:
        built = error.built if isinstance(error, IncompleteWheelError) else None
        lacks_code = _lacks_code(error.message) and not only_back_end_reads(directory, settings)
        if settings.install == "package" or not (built or lacks_code or _lacks_dependencies(error.message, directory)):
            raise
        from grocker.inputs import tree

        application = tree.load(request, produced, built)
        request.context.progress.warn(
            f"{error.message.splitlines()[0].rstrip(':')}; building the source tree instead",
            hint='to require a wheel, set install = "package" in [tool.grocker]',
        )
        # The lock pins the back end, which runs again at each build to see whether its wheel is complete now.
        project = python.read_project(directory)
        return replace(
            application, build=package.resolve_build(request, project), project=_with_build(application, project)
        )


def _with_build(application: Application, project: python.Project) -> python.Project | None:
    described = application.project
    return replace(described, build_requires=project.build_requires) if described is not None else None


def _lacks_code(message: str) -> bool:
    """Tell whether a back end failed because it did not find the project's code, or files that another step makes."""
    lower = message.lower()
    return any(
        words in lower
        for words in (
            "multiple top-level packages",
            "multiple top-level modules",
            "unable to determine which files to ship",
            "no file/folder found for package",
            "expected a python module at",
            "does not contain any element",
            "filenotfounderror: ",
        )
    )


def _lacks_dependencies(message: str, directory: Path) -> bool:
    """Tell whether ``setup.py`` imports the application, whose dependencies a requirement file has."""
    return "ModuleNotFoundError: " in message and any((directory / one).is_file() for one in REQUIREMENT_FILES)
