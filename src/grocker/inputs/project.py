"""A project's directory: a package that its back end builds, or a source tree that runs as it is."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from grocker import python
from grocker.errors import CorruptError
from grocker.inputs import package, tree
from grocker.inputs.application import Application, ApplicationRequest
from grocker.inputs.completeness import IncompleteWheelError
from grocker.inputs.tree_project import REQUIREMENT_FILES, is_tree, only_back_end_reads


def load(request: ApplicationRequest) -> Application:
    """Load the project as a package or a tree.

    A package is loaded as a tree if its back end does not find its code, or leaves out what a service needs.
    """
    directory, settings = request.origin.path, request.settings
    assert directory is not None
    if is_tree(directory, settings):
        return tree.load(request)
    try:
        return package.load(request)
    except CorruptError as error:
        built = error.built if isinstance(error, IncompleteWheelError) else None
        lacks_code = _lacks_code(error.message) and not only_back_end_reads(directory, settings)
        if settings.install == "package" or not (built or lacks_code or _lacks_dependencies(error.message, directory)):
            raise
        application = tree.load(request, built)
        request.context.progress.warn(
            f"{error.message.splitlines()[0].rstrip(':')}; building the source tree instead",
            hint='to insist on its wheel, set install = "package" in [tool.grocker]',
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
