"""A project's directory: a package that its back end builds, or a source tree that runs as it is."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from grocker import python
from grocker.errors import CorruptError
from grocker.inputs import package, tree
from grocker.inputs.application import Application, ApplicationRequest
from grocker.inputs.build_commands import run_build_commands
from grocker.inputs.completeness import IncompleteWheelError
from grocker.inputs.produced import Produced
from grocker.inputs.tree_files import read_files
from grocker.inputs.tree_project import REQUIREMENT_FILES, is_tree, only_back_end_reads


def load(request: ApplicationRequest) -> Application:
    """Run the project's build commands, and load it with their outputs as a package or a tree.

    A package is loaded as a tree if its back end does not find its code, or leaves out what a service needs.
    """
    directory = request.origin.path
    assert directory is not None
    produced = run_build_commands(request)
    application = _load(request, directory, produced)
    if produced is None:
        _warn_of_unbuilt(request, directory, application)
        return application
    return replace(application, produced=produced)


def _warn_of_unbuilt(request: ApplicationRequest, directory: Path, application: Application) -> None:
    """Warn of a front end whose output the code uses and the application does not have."""
    if not any(True for pattern in ("package.json", "*/package.json") for _ in directory.glob(pattern)):
        return
    from grocker.inputs.front_end import find_front_ends, find_unbuilt

    files = read_files(request.context, directory, request.settings.include)
    one = find_unbuilt(find_front_ends(files), files)
    if one is None:
        return
    inner = [f"/{output.removeprefix('src/')}/" for output in one.outputs]
    if any(place in f"/{entry.path}" for place in inner for entry in application.installed.entries):
        return  # git ignores it, and the wheel has it
    hint = "add what `grocker init --dry-run` prints under [tool.grocker.build]"
    if one.manager != "npm":
        hint = f"run `{one.manager} run build` before grocker build; git must not ignore its output"
    request.context.progress.warn(
        f"the front end of {one.place} is not built: the application lacks {', '.join(one.outputs)}", hint=hint
    )


def _load(request: ApplicationRequest, directory: Path, produced: Produced | None) -> Application:
    settings = request.settings
    if is_tree(directory, settings):
        return tree.load(request, produced)
    try:
        return package.load(request, produced)
    except CorruptError as error:
        built = error.built if isinstance(error, IncompleteWheelError) else None
        lacks_code = _lacks_code(error.message) and not only_back_end_reads(directory, settings)
        if settings.install == "package" or not (built or lacks_code or _lacks_dependencies(error.message, directory)):
            raise
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
