"""Distributions that nothing requires, because every environment once had them, and that something imports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from grocker.context import Context
from grocker.errors import MissingError, SettingsError
from grocker.inputs.application import Application
from grocker.inputs.index import download_wheel
from grocker.inputs.removed_imports import RemovedImport, find_removed_imports
from grocker.lock.answers import PythonAnswer
from grocker.lock.values import PythonFile
from grocker.platforms.removed_modules import UNDECLARED
from grocker.platforms.target import Target
from grocker.resolve.wheel_imports import find_wheel_imports

if TYPE_CHECKING:
    from grocker.python import Uv


def with_undeclared(
    context: Context, uv: Uv, application: Application, target: Target, resolve: Callable[..., PythonAnswer]
) -> tuple[PythonAnswer, tuple[RemovedImport, ...], tuple[RemovedImport, ...]]:
    """Resolve the wheels, and again with what they import and none of them requires (``UNDECLARED``).

    ``resolve``: ``resolve_wheels``, all but its ``additions``. Returns also the imports that fail all the same: the
    application's, and those in wheels.
    """

    def missing(wheels: PythonAnswer) -> tuple[tuple[RemovedImport, ...], tuple[RemovedImport, ...]]:
        own = find_removed_imports(application, wheels.files, target.python)
        return own, _wheel_imports(context, uv, application, wheels, target)

    wheels = resolve()
    own, others = missing(wheels)
    lacking = [one for one in (*own, *others) if one.module in UNDECLARED]
    if not lacking or wheels.missing:
        return wheels, own, others
    additions = sorted({UNDECLARED[one.module] for one in lacking})
    try:
        wheels = resolve(additions=additions)
    except (MissingError, SettingsError):  # the project or its lock wants another version: there will be a warning
        return wheels, own, others
    context.progress.warn(
        f"{lacking[0].problem}; it was added, because nothing requires it",
        f"require {additions[0]} yourself to hide this warning",
    )
    return wheels, *missing(wheels)


def _wheel_imports(
    context: Context, uv: Uv, application: Application, wheels: PythonAnswer, target: Target
) -> tuple[RemovedImport, ...]:
    def fetch(file: PythonFile) -> Path:
        return download_wheel(context, uv, file, wheels.urls.get(file.sha256, ""))

    return find_wheel_imports(context.store, application, wheels.files, target.python, fetch)
