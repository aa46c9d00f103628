"""The kinds of inputs, and how each becomes an application. A new kind is a module here and a row in the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from grocker.errors import SettingsError
from grocker.inputs import application_directory, project, release, script, wheel
from grocker.inputs.application import Application, ApplicationRequest

KINDS: Mapping[str, Callable[[ApplicationRequest], Application]] = MappingProxyType(
    {"project": project.load, "script": script.load, "wheel": wheel.load, "release": release.load}
)
"""By ``Origin.kind``."""


def load_application(request: ApplicationRequest) -> Application:
    """Load the application that the request's origin names. It may run a back end and ask the index."""
    if request.settings.build.commands and request.origin.kind != "project":
        raise SettingsError(
            f"build.commands: {request.origin.text} is not a project directory, so there is nowhere to run commands",
            hint="build the project's directory, or remove the setting",
        )
    return application_directory.arrange(request, KINDS[request.origin.kind](request))
