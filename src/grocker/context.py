"""The tools of one command, and files fetched with them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from grocker.digest import Digest
from grocker.errors import CannotWriteError, MissingError, UnavailableError
from grocker.progress import Progress
from grocker.store import Store
from grocker.web import Transport


class Context(msgspec.Struct, frozen=True):
    """What every phase of a build works with; nothing of what is being built."""

    store: Store
    transport: Transport
    progress: Progress
    environ: Mapping[str, str]
    """the caller's environment"""
    now: float
    """seconds since 1970: when the command began"""
    emulates: bool = False
    """whether programs of another architecture may run on this host, by the kernel's emulator"""


class GoneError(UnavailableError):
    """A file that the archive or the index listed is no longer there, so their earlier answers no longer hold."""


def download(context: Context, url: str, *, digest: Digest, size: int | None, what: str) -> Path:
    """Return the file with that digest, from the store or from ``url``.

    ``size`` in bytes, None when unknown; ``what`` names the file in messages.
    Raises GoneError when the file is no longer there, and what ``store.fetch`` raises.
    """
    from grocker.store.fetch import fetch

    try:
        return fetch(
            context.store, context.transport, url, digest=digest, size=size, what=what, progress=context.progress
        )
    except MissingError as error:
        raise GoneError(
            f"{what} is no longer in its archive or index: {error.message}",
            hint="if the project has a lock, run: grocker lock --upgrade; or use a mirror that still has the file "
            "(GROCKER_DEBIAN_MIRROR, UV_DEFAULT_INDEX)",
        ) from error


def check_executable(cache: Path) -> None:
    """Raise CannotWriteError if programs cannot run from the cache: back ends and the image's interpreter do."""
    if os.statvfs(cache).f_flag & os.ST_NOEXEC:
        raise CannotWriteError(
            f"the cache {cache} is mounted noexec, but Grocker runs build back ends and interpreters from it",
            hint="set GROCKER_CACHE to a directory on another file system",
        )
