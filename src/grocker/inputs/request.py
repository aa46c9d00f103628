"""What the user asks of a build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from grocker.config import files as config_files
from grocker.images import Sink
from grocker.inputs.origin import Origin
from grocker.lock.values import Lock

EPOCH = 315532800
"""seconds: 1980-01-01, the earliest time that zip archives can hold"""


class Request(msgspec.Struct, frozen=True):
    """What to build, and for whom."""

    origin: Origin
    settings: Path | None = None
    """a settings file named on the command line"""
    tags: tuple[str, ...] = ()
    """names of the image; empty for NAME:VERSION"""
    sinks: Sequence[Sink] = ()
    platforms: tuple[str, ...] = ("linux/amd64",)
    suite: str | None = None
    """the Debian suite, if named on the command line"""
    epoch: int = EPOCH
    """seconds since 1970: the one time of everything in the image"""
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    """added to the image's own"""
    strict: bool = False
    """whether an uncovered maintainer script is an error, and a wheel that violates the specification"""
    refresh: bool = False
    """resolve again, whatever is kept"""
    lock: Lock | None = None
    """used if it fits"""
    ignore_lock: bool = False
    """whether the project's own lock files (``uv.lock``, ``poetry.lock``, …) are passed over"""
    lock_file: Path | None = None
    """where it was looked for"""
    extras: tuple[str, ...] = ()
    """named on the command line, besides the settings'"""
    groups: tuple[str, ...] = ()
    """as ``extras``"""
    constraints: tuple[str, ...] = ()
    """PEP 508: versions that the index's answer has to keep to"""
    cache_from: str | None = None
    """the shared cache to read, and ``cache_to`` the one to write; both None for the settings' own"""
    cache_to: str | None = None
    locked: bool = False
    """whether a missing or stale lock is an error"""


def read_configuration(request: Request) -> config_files.Configuration:
    """Read the settings: the file that the request names, else the project's own, else the defaults."""
    found = _read_configuration(request)
    if not request.extras and not request.groups:
        return found
    own = found.settings
    settings = replace(own, extras=(*own.extras, *request.extras), groups=(*own.groups, *request.groups))
    return replace(found, settings=settings)


def _read_configuration(request: Request) -> config_files.Configuration:
    if request.settings is not None:
        return config_files.read_file(request.settings)
    if request.origin.kind == "project":
        assert request.origin.path is not None
        return config_files.read(request.origin.path)
    if request.origin.kind == "script":
        from grocker.config.script_metadata import read_settings

        assert request.origin.path is not None
        return read_settings(request.origin.path)
    return config_files.NONE
