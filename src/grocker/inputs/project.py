"""A project's directory: a package that its back end builds, or a source tree that runs as it is."""

from __future__ import annotations

from grocker.errors import CorruptError
from grocker.inputs import package, tree
from grocker.inputs.application import Application, ApplicationRequest
from grocker.inputs.tree_project import is_tree


def load(request: ApplicationRequest) -> Application:
    """Load the project as a package or a tree; a package whose back end does not find its code is loaded as a tree."""
    directory, settings = request.origin.path, request.settings
    assert directory is not None
    if is_tree(directory, settings):
        return tree.load(request)
    try:
        return package.load(request)
    except CorruptError as error:
        if settings.install == "package" or not _lacks_code(error.message):
            raise
        request.context.progress.warn(
            f"{error.message.splitlines()[0]}; building the source tree instead",
            hint='to make this an error, set [tool.grocker] install = "package"',
        )
        return tree.load(request)


def _lacks_code(message: str) -> bool:
    """Tell whether a back end failed because it did not find the project's code."""
    lower = message.lower()
    return any(
        words in lower
        for words in (
            "multiple top-level packages",
            "multiple top-level modules",
            "unable to determine which files to ship",
            "no file/folder found for package",
            "expected a python module at",
        )
    )
