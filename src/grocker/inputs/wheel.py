"""A wheel file that the user names."""

from __future__ import annotations

from grocker.inputs.application import Application, ApplicationRequest, WheelFile, read_application


def load(request: ApplicationRequest) -> Application:
    """Copy the wheel into the store and read it."""
    path = request.origin.path
    assert path is not None
    wheel = WheelFile(request.context.store.add_wheel(path), path.name)
    return read_application(request, wheel, files=(str(path),))
