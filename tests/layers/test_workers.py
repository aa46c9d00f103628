"""The threads of a build."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import ctypes, sys
from threading import Barrier
from grocker.layers.workers import workers

libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
with workers(share_heap=sys.argv[1] == "shared") as pools:
    together = Barrier(4)
    def allocate():
        together.wait()
        return bytes(100_000)
    for job in [pools.transfers.submit(allocate) for _ in range(4)]:
        job.result()
    stream = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
"""


@pytest.mark.parametrize(("kind", "is_one"), [("shared", True), ("own", False)])
def test_threads_of_a_first_build_share_one_heap(kind: str, is_one: bool) -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM, kind], capture_output=True, text=True, check=True)
    assert (done.stdout.count("<heap nr=") == 1) is is_one, done.stdout


_RETURNING = """
import sys
from grocker.layers.workers import workers

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

with workers(share_heap=sys.argv[1] == "shared"):
    before = resident()
    one = bytearray(12 << 20)
    del one
    one = bytearray(12 << 20)
    above = [bytearray(2000) for _ in range(1000)]
    del one
    print(resident() - before)
"""


@pytest.mark.parametrize(("kind", "is_back"), [("shared", True), ("own", False)])
def test_first_build_gives_large_blocks_back_when_they_are_free(kind: str, is_back: bool) -> None:
    done = subprocess.run([sys.executable, "-c", _RETURNING, kind], capture_output=True, text=True, check=True)
    assert (int(done.stdout) < 8 << 20) is is_back, done.stdout
