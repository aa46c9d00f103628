"""The threads of a build."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import msgspec

TRANSFERS = 8
"""at once"""


class Workers(msgspec.Struct, frozen=True):
    """Two pools; no job of either waits for another job of either."""

    transfers: ThreadPoolExecutor
    """for jobs that wait for the network"""
    processors: ThreadPoolExecutor
    """for decompression, hashing and compression, which release the interpreter's lock"""


@contextmanager
def workers() -> Iterator[Workers]:
    """Open the pools; jobs that have not begun when the block ends are dropped."""
    transfers = ThreadPoolExecutor(TRANSFERS, thread_name_prefix="fetch")
    processors = ThreadPoolExecutor(len(os.sched_getaffinity(0)) + 1, thread_name_prefix="work")
    try:
        yield Workers(transfers, processors)
    finally:
        for pool in (processors, transfers):
            pool.shutdown(wait=True, cancel_futures=True)
