"""The requirement file beside a package: the versions that it pins count, as a lock's do."""

from __future__ import annotations

from pathlib import Path

from grocker import python
from grocker.inputs.application import Application
from grocker.inputs.tree_project import REQUIREMENT_FILES


def find_pin_file(application: Application, *, ignore_lock: bool) -> Path | None:
    """Return the file of pins of a package without a lock. None for a tree, whose requirements that file has."""
    project = application.project
    if project is None or application.roots or application.requirement_files or ignore_lock:
        return None
    if python.find_lock(project.directory) is not None:
        return None
    return next((path for one in REQUIREMENT_FILES if (path := project.directory / one).is_file()), None)
