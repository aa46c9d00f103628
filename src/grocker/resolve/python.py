"""The wheels that an application depends on: from requirements to files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from grocker import local_file, python
from grocker.context import Context
from grocker.inputs.application import Application
from grocker.inputs.index import (
    answer_of_pins,
    rebuild_wheels,
    sdist_builder,
    uv_settings,
    uv_variables,
    wheel_target,
)
from grocker.inputs.requirement_files import read_requirement_files
from grocker.lock.answers import PythonAnswer
from grocker.platforms.target import Target
from grocker.store.answers import recent_answer
from grocker.tar.keys import cache_key


def resolve_wheels(
    context: Context,
    uv: python.Uv,
    application: Application,
    target: Target,
    *,
    constraints: Sequence[str] = (),
    refresh: bool,
) -> PythonAnswer:
    """Resolve the wheels that the application and its servers need; the application's own is not among them.

    ``constraints``: PEP 508, versions to keep to; a ``uv.lock`` has its own.
    """
    wheels = wheel_target(target)
    installed, project, servers = application.installed, application.project, application.services.servers
    requirements = python.active_requirements(installed.name, installed.metadata.requires, application.extras, wheels)
    directory = project.directory if project else None
    lock = python.find_lock(project.directory) if project else None
    files = read_requirement_files(application.requirement_files)

    builder = sdist_builder(context, uv, wheels, directory=directory, refresh=refresh)

    def ask() -> PythonAnswer:
        with context.store.scratch() as scratch, context.progress.task("resolving Python packages"):
            if lock is not None:
                assert project is not None
                pins = python.resolve_locked(
                    project,
                    lock,
                    wheels,
                    uv,
                    workspace=scratch,
                    extras=application.extras,
                    additions=servers,
                    builder=builder,
                )
            else:
                pins = python.resolve(
                    (*requirements, *servers),
                    wheels,
                    uv,
                    workspace=scratch,
                    constraints=constraints,
                    directory=directory,
                    files=application.requirement_files,
                    builder=builder,
                )
        # A dependency that depends on the application gets this one, not the index's.
        return answer_of_pins(context, uv, [pin for pin in pins if pin.name != installed.name])

    key = cache_key(
        *("dependencies", requirements, servers, application.extras, str(wheels)),
        hashlib.sha256(local_file.read(lock.path)).hexdigest() if lock else "",
        [hashlib.sha256(files[path]).hexdigest() for path in sorted(files)],
        uv_settings(directory) if directory else "",
        uv_variables(uv),
        *constraints,
    )
    answer = recent_answer(context.store, key, PythonAnswer, ask, now=context.now, refresh=refresh)
    rebuild_wheels(context, uv, answer.files, wheels, directory=directory)
    return answer
