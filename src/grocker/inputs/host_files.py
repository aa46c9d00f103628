"""Files of the host that a build reads in addition to the project's; the next build checks whether any has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from grocker import debian, python
from grocker.config.dockerfile import DOCKERFILE
from grocker.inputs.request import Request


def files_read(request: Request, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return settings, lock, and the configuration of uv, pip and apt, whether they are there or not; sorted."""
    return tuple(sorted({str(path.absolute()) for path in _files(request, environ)}))


def _files(request: Request, environ: Mapping[str, str]) -> Iterator[Path]:
    if request.origin.kind == "script" and request.origin.path is not None:
        yield request.origin.path
    directory = request.origin.path if request.origin.kind == "project" and request.origin.path else Path()
    if request.origin.kind == "project":
        yield directory / DOCKERFILE  # though git may ignore it
        yield from map(Path, request.origin.passed)
    if request.settings is not None:
        yield request.settings
    yield request.lock_file if request.lock_file is not None else directory / "grocker.lock"
    for place in (directory.absolute(), *directory.absolute().parents):
        yield from (place / "pyproject.toml", place / "uv.toml", place / "uv.lock")
    yield from python.index_files(environ)
    yield from debian.source_files()
