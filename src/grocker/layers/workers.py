"""The threads of a build."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import msgspec

TRANSFERS = 8
"""at once"""
_M_ARENA_MAX = -8
"""glibc's name of a setting (malloc.h, mallopt(3)): the largest number of heaps"""
_M_MMAP_THRESHOLD = -3
"""another one: bytes from which a block has a mapping of its own, which ends when the block is freed"""
_MAPPED = 8 << 20
"""bytes: less would map the parts of members one by one, which takes a tenth longer"""


class Workers(msgspec.Struct, frozen=True):
    """Two pools; no job of either waits for another job of either."""

    transfers: ThreadPoolExecutor
    """for jobs that wait for the network"""
    processors: ThreadPoolExecutor
    """for decompression, hashing and compression, which release the interpreter's lock"""


@contextmanager
def workers(*, share_heap: bool = False) -> Iterator[Workers]:
    """Open the pools; jobs that have not begun when the block ends are dropped.

    ``share_heap``: whether threads started from now on take their memory from one heap, until the process ends. glibc
    gives each thread its own, which keeps much of what was freed in it: a third of what a first build takes. It also
    raises, up to 32 MiB, the size from which it gives blocks back at once; that stays put then. What has little to make
    takes little memory, and spares the time to import ``ctypes``.
    """
    if share_heap:
        _share_heap()
    transfers = ThreadPoolExecutor(TRANSFERS, thread_name_prefix="fetch")
    processors = ThreadPoolExecutor(len(os.sched_getaffinity(0)) + 1, thread_name_prefix="work")
    try:
        yield Workers(transfers, processors)
    finally:
        for pool in (processors, transfers):
            pool.shutdown(wait=True, cancel_futures=True)


def _share_heap() -> None:
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has one heap, and no such function
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _MAPPED)
