"""What every step of a build works with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from grocker.progress import Progress
from grocker.store import Store
from grocker.web import Transport

FETCHES = 8
"""transfers at once"""


@dataclass(frozen=True, slots=True)
class Workshop:
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


@contextmanager
def workshop(
    store: Store, transport: Transport, progress: Progress, environ: Mapping[str, str], *, now: float, epoch: int
) -> Iterator[Workshop]:
    """A Workshop whose threads end with the block; what they had not begun is dropped."""
    processors = len(os.sched_getaffinity(0))
    fetching = ThreadPoolExecutor(FETCHES, thread_name_prefix="fetch")
    working = ThreadPoolExecutor(processors + 1, thread_name_prefix="work")
    try:
        yield Workshop(store, transport, progress, environ, now, epoch, fetching, working)
    finally:
        for pool in (working, fetching):
            pool.shutdown(wait=True, cancel_futures=True)
