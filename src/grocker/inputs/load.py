"""The kinds of inputs, and how each becomes an application. A new kind is a module here and its name in the table."""

from __future__ import annotations

from importlib import import_module

from grocker.errors import SettingsError
from grocker.inputs import application_directory
from grocker.inputs.application import Application, ApplicationRequest

KINDS = ("project", "script", "wheel", "release")
"""``Origin.kind``: the module of that name has ``load``, which takes an ``ApplicationRequest``"""


def load_application(request: ApplicationRequest) -> Application:
    """Load the application that the request's origin names. It may run a back end and ask the index."""
    if request.settings.build.commands and request.origin.kind != "project":
        raise SettingsError(
            f"build.commands: {request.origin.text} is not a project directory, so there is nowhere to run commands",
            hint="build the project's directory, or remove the setting",
        )
    assert request.origin.kind in KINDS
    application: Application = import_module(f"grocker.inputs.{request.origin.kind}").load(request)
    return application_directory.arrange(request, application)
