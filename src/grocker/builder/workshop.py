"""What every step of a build works with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grocker.digest import Digest
from grocker.errors import CannotWriteError, MissingError, UnavailableError
from grocker.progress import Progress
from grocker.store import Store
from grocker.store.fetch import fetch
from grocker.web import Transport

if TYPE_CHECKING:
    from grocker.python import Compiler, Uv

FETCHES = 8
"""transfers at once"""


class Workshop(msgspec.Struct, frozen=True):
    """The tools of one build; nothing of what is being built."""

    store: Store
    transport: Transport
    progress: Progress
    environ: Mapping[str, str]
    """the caller's environment"""
    now: float
    """seconds since 1970: when the build began"""
    epoch: int
    """seconds since 1970: the one time of everything in the image"""
    fetching: ThreadPoolExecutor
    """for transfers, which wait; nothing in it waits for another job of either pool"""
    working: ThreadPoolExecutor
    """for decompression, hashing and compression, which release the interpreter's lock"""
    meanwhile: list[Callable[[], None]] = msgspec.field(default_factory=list)
    """what is done while a back end runs, if one does (``ahead.py``)"""
    interpreters: dict[str, Compiler] = msgspec.field(default_factory=dict)
    """those started ahead of need that nobody has taken yet, by the key of their packages"""
    begun: dict[tuple[str, ...], object] = msgspec.field(default_factory=dict)
    """the ``Packages`` begun ahead of need that nobody has taken yet, by their digests"""
    uv: dict[str | None, Uv] = msgspec.field(default_factory=dict)
    """uv by the settings' ``index-url``, once it has been found"""
    makes: bool = False
    """whether layers will be made: what is decided may be begun"""


class GoneError(UnavailableError):
    """A file that archive or index named has left it: what they answered before does not hold any more."""


def fetched(shop: Workshop, url: str, *, digest: Digest, size: int | None, what: str) -> Path:
    """The file of that digest, kept or fetched; ``size`` in bytes when known, ``what`` names it for people.

    Raises GoneError when it is not there any more, and what ``store.fetch`` raises.
    """
    try:
        return fetch(shop.store, shop.transport, url, digest=digest, size=size, what=what, progress=shop.progress)
    except MissingError as error:
        raise GoneError(
            f"{what} has left its archive or index: {error.message}",
            hint="with a lock: grocker lock --upgrade, or a mirror that still has it "
            "(GROCKER_DEBIAN_MIRROR, UV_DEFAULT_INDEX)",
        ) from error


@contextmanager
def workshop(
    store: Store,
    transport: Transport,
    progress: Progress,
    environ: Mapping[str, str],
    *,
    now: float,
    epoch: int,
    makes: bool = False,
) -> Iterator[Workshop]:
    """A Workshop whose threads end with the block; what they had not begun is dropped.

    ``makes``: whether layers will be made. Raises CannotWriteError where nothing can be made.
    """
    check_executable(store.root)
    processors = len(os.sched_getaffinity(0))
    fetching = ThreadPoolExecutor(FETCHES, thread_name_prefix="fetch")
    working = ThreadPoolExecutor(processors + 1, thread_name_prefix="work")
    shop = Workshop(store, transport, progress, environ, now, epoch, fetching, working, makes=makes)
    try:
        yield shop
    finally:
        for pool in (working, fetching):
            pool.shutdown(wait=True, cancel_futures=True)
        for compiler in shop.interpreters.values():
            compiler.close()


def check_executable(cache: Path) -> None:
    """CannotWriteError where programs cannot be run from the cache: back ends are, and the image's interpreter."""
    if os.statvfs(cache).f_flag & os.ST_NOEXEC:
        raise CannotWriteError(
            f"the cache {cache} is on a file system that is mounted noexec: no back end or interpreter runs there",
            hint="choose another place: GROCKER_CACHE",
        )
