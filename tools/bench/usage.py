"""Run a command, and print what it used as JSON: ``python -IS usage.py SAMPLED COMMAND…``. Standard library only.

It is a small process of its own: Linux counts the memory of whoever starts a program as the program's peak, too. With
``1`` for SAMPLED, the peak is found by looking at the processes, and uv's are left out; else it is what Linux says.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time

_PAUSE = 0.05
"""seconds between two looks"""


def main() -> int:
    """Run the command; return its exit status."""
    is_sampled, *command = sys.argv[1:]
    began = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, setpgroup=0)
    peaks: dict[int, int] = {}
    ended = threading.Event()
    looking = threading.Thread(target=_look, args=(pid, peaks, ended))
    if is_sampled == "1":
        looking.start()
    _, status, _ = os.wait4(pid, 0)
    seconds = time.perf_counter() - began
    ended.set()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = {
        "seconds": seconds,
        "processor": used.ru_utime + used.ru_stime,
        "peak": max(peaks.values()) if peaks else used.ru_maxrss << 10,
    }
    json.dump(said, sys.stdout)
    return os.waitstatus_to_exitcode(status)


def _look(group: int, peaks: dict[int, int], ended: threading.Event) -> None:
    """Note the peak of each process of the group, in bytes."""
    while not ended.wait(_PAUSE):
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/stat") as stream:
                    fields = stream.read().rpartition(")")[2].split()
                if int(fields[2]) != group:  # proc(5): state, ppid, pgrp
                    continue
                with open(f"/proc/{name}/status") as stream:
                    lines = dict(line.partition(":")[::2] for line in stream)
            except OSError:  # it has ended
                continue
            if lines["Name"].strip() != "uv" and "VmHWM" in lines:
                peaks[int(name)] = int(lines["VmHWM"].split()[0]) << 10


if __name__ == "__main__":
    sys.exit(main())
