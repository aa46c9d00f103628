"""A release on a package index."""

from __future__ import annotations

from grocker import python
from grocker.errors import MissingError
from grocker.inputs.application import Application, ApplicationRequest, WheelFile, read_application
from grocker.inputs.index import (
    answer_of_pins,
    download_wheel,
    index_key,
    rebuild_wheels,
    sdist_builder,
    wheel_target,
)
from grocker.inputs.toolchain import DebianToolchain
from grocker.lock.answers import PythonAnswer
from grocker.lock.values import PythonFile
from grocker.store.answers import recent_answer
from grocker.tar.keys import cache_key


def load(request: ApplicationRequest) -> Application:
    """Fetch the release's wheel: the version that resolves with its dependencies, or the locked one."""
    file, url = _find(request)
    download_wheel(request.context, request.uv, file, url)
    return read_application(request, WheelFile(file.sha256, file.file), file=file)


def _find(request: ApplicationRequest) -> tuple[PythonFile, str]:
    """Return the wheel and its URL, which is empty for a wheel in the store."""
    context, origin, uv, target = request.context, request.origin, request.uv, wheel_target(request.target)
    toolchain = DebianToolchain(context, request.settings, request.target, request.refresh, request.standalone)
    locked = next((f for f in request.locked.files or () if f.name == origin.name), None)
    if locked is not None:
        rebuild_wheels(context, uv, [locked], target, toolchain)
        if context.store.sound_download(locked.sha256) is not None:
            return locked, ""
        with context.store.scratch() as scratch:
            return locked, python.find_addresses([locked], target, uv, workspace=scratch)[locked.sha256]

    builder = sdist_builder(context, uv, target, toolchain, refresh=request.refresh)

    def ask() -> PythonAnswer:
        with context.store.scratch() as scratch, context.progress.task(f"resolving {origin.text}"):
            try:
                pins = python.resolve([origin.requirement], target, uv, workspace=scratch, builder=builder)
            except MissingError as error:
                if not origin.is_bare:
                    raise
                raise MissingError(
                    f"{origin.likely} {origin.text} not found; {error.message}", hint=error.hint
                ) from error
        return answer_of_pins(context, uv, [pin for pin in pins if pin.name == origin.name])

    key = cache_key("release", origin.requirement, str(target), index_key(None, uv))
    answer = recent_answer(context.store, key, PythonAnswer, ask, now=context.now, refresh=request.refresh)
    rebuild_wheels(context, uv, answer.files, target, toolchain)
    return answer.files[0], answer.urls[answer.files[0].sha256]
