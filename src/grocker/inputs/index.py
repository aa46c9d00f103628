"""The package index of this build: uv, its configuration, and wheels fetched with its credentials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from grocker import local_file, python
from grocker.config import files as config_files
from grocker.config.settings import Settings
from grocker.context import Context, download
from grocker.lock.answers import PythonAnswer
from grocker.lock.values import PythonFile
from grocker.platforms.target import Target


def find_uv(context: Context, settings: Settings) -> python.Uv:
    """Find uv and its configuration; the settings' ``index-url`` overrides the host's."""
    environ = dict(context.environ)
    if settings.index_url is not None:
        environ["UV_DEFAULT_INDEX"] = settings.index_url
    return python.find_uv(environ, cache=context.store.root / "downloads" / "uv")


def index_key(directory: Path | None, uv: python.Uv) -> str:
    """Return what an answer of uv's depends on besides the question; for keys of answers that are kept."""
    settings = _uv_settings(directory) if directory is not None else ""
    return repr((settings, uv.variables(), python.local_packages_key(directory, uv.environment)))


def _uv_settings(directory: Path) -> str:
    """Return what the project's files tell uv about resolving, ``[tool.uv]`` and ``uv.toml``."""
    loaded = config_files.load_toml(directory / "pyproject.toml")
    table = loaded[0].get("tool", {}).get("uv", {}) if loaded is not None else {}
    own = directory / "uv.toml"
    return repr(table) + (local_file.read(own).decode("utf-8", "backslashreplace") if own.is_file() else "")


def wheel_target(target: Target) -> python.WheelTarget:
    """Return the target as wheels see it."""
    return python.WheelTarget(
        target.python,
        target.architecture,
        target.suite.glibc,
        full_version=target.standalone.removesuffix("t"),
        prefix=target.origin.prefix,
    )


def sdist_builder(
    context: Context,
    uv: python.Uv,
    target: python.WheelTarget,
    toolchain: python.Toolchain,
    *,
    directory: Path | None = None,
    refresh: bool = False,
    has_alternatives: bool = False,
    submodules: bool = False,
) -> python.SdistBuilder:
    """Return what builds wheels from sdists; ``directory``: the project's; the others as in ``SdistBuilder``."""
    return python.SdistBuilder(
        context,
        uv,
        str(target),
        directory,
        refresh,
        has_alternatives,
        submodules=submodules,
        toolchain=toolchain,
    )


def rebuild_wheels(
    context: Context,
    uv: python.Uv,
    files: Sequence[PythonFile],
    target: python.WheelTarget,
    toolchain: python.Toolchain,
    *,
    directory: Path | None = None,
    submodules: bool = False,
) -> None:
    """Build the wheels again that were built here and are no longer in the store, or damaged there.

    Raises CorruptError if the sdist or the wheel is another one now, UnavailableError if the sdist is gone.
    """
    for file in files:
        built_here = file.index in (python.SDIST, python.SOURCE)
        if not built_here or context.store.built_wheel(file.sha256) is not None:
            continue
        source: python.Source | str
        if file.source:
            source = python.locked_source(file.source, file.name, directory or Path())
        else:
            with context.store.scratch() as scratch:
                source = python.find_sdist(file, target, uv, workspace=scratch, directory=directory)
        if isinstance(source, str):
            download_wheel(context, uv, file, source)
            continue
        sdist_builder(context, uv, target, toolchain, directory=directory, submodules=submodules).rebuild(file, source)


def download_wheel(context: Context, uv: python.Uv, file: PythonFile, url: str) -> Path:
    """Return the wheel, from the store or from ``url``, which ``uv`` completes with its credentials.

    A size of 0 means that the index did not state it.
    """
    what = f"{file.name} {file.version}"
    return download(context, uv.address(url), digest=file.sha256, size=file.size or None, what=what)


def answer_of_pins(
    context: Context, uv: python.Uv, pins: Sequence[python.Pin], directory: Path | None = None
) -> PythonAnswer:
    """Return pins as locked files; a file whose size the index does not state is fetched to measure it.

    ``directory``: the project's, which a lock names files of this host relative to.
    """
    files = []
    for pin in pins:
        index = python.SOURCE if pin.source else python.SDIST if pin.sdist is not None else "default"
        about = (pin.name, pin.version, pin.file, index, pin.size or 0, pin.sha256)
        source = python.lock_source(pin.source, directory)
        file = PythonFile(*about, pin.sdist or "", pin.build, source, pin.libraries)
        if pin.size is None:
            file = replace(file, size=download_wheel(context, uv, file, pin.url).stat().st_size)
        files.append(file)
    return PythonAnswer(context.now, tuple(files), {pin.sha256: pin.url for pin in pins})
