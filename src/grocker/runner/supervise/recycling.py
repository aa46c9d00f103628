"""Recycles workers that use too much memory, before the kernel kills them. Contract: X4.

The worker is asked to stop as for a reload: it finishes its requests, and the server starts another one.
"""

from __future__ import annotations

import os

from ..base.c_modules import signal
from ..base.failure import say
from ..base.value import TYPE_CHECKING
from ..process.signals import signal_process
from ..status.values import RUNNING

if TYPE_CHECKING:
    from ..process.container_limits import ContainerLimits
    from ..process.loop import Loop
    from .supervised_process import SupervisedProcess

INTERVAL = 5.0  # seconds
_SHARE = 0.9  # of the container's memory, for all workers together
_MIB = 1 << 20


def memory_limit(declared: int | None, limits: ContainerLimits, workers: int) -> int | None:
    """Return the bytes that a worker may use: ``declared`` (MiB), else its share of the container's memory limit.

    None when there is neither.
    """
    if declared is not None:
        return declared * _MIB
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(limits.memory * _SHARE / workers) if limits.memory < machine else None


class Recycling:
    """Checks the workers of a service at intervals; recycles one at a time.

    ``limit``: bytes of one worker; ``main_is_worker``: whether the main process is the only worker; ``stop_timeout``:
    seconds in which a worker must stop; ``interval``: seconds.
    """

    def __init__(
        self,
        loop: Loop,
        main: SupervisedProcess,
        limit: int,
        *,
        main_is_worker: bool,
        stop_timeout: float,
        interval: float = INTERVAL,
    ) -> None:
        self._loop = loop
        self._main = main
        self._limit = limit
        self._main_is_worker = main_is_worker
        self._stop_timeout = stop_timeout
        self._interval = interval
        self._stopping: set[int] = set()
        loop.after(self._interval, self._check)

    def _check(self) -> None:
        self._loop.after(self._interval, self._check)
        main = self._main
        if main.state != RUNNING:
            return
        workers = [main.pid] if self._main_is_worker else list_children(main.pid)
        self._stopping &= set(workers)
        if self._stopping:
            return
        for worker in workers:
            used = resident_memory(worker)
            # This counts shared pages for each worker; the proportional size takes longer to read.
            if used > self._limit and (used := proportional_memory(worker)) > self._limit:
                say(
                    f"{main.spec.name}: recycling worker {worker}: it uses {used // _MIB} MiB, limit "
                    f"{self._limit // _MIB} MiB"
                )
                if self._main_is_worker:
                    main.recycle(self._stop_timeout)
                else:
                    self._stopping.add(worker)
                    main.recycled += 1
                    signal_process(worker, signal.SIGTERM)
                return


def list_children(process: int) -> list[int]:
    """Return the living children of a process. Source: proc_pid_task(5)."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    except OSError:
        pass  # it has just ended
    return found


def resident_memory(process: int) -> int:
    """Return resident bytes, including shared ones; 0 when the process is gone. Source: proc_pid_statm(5)."""
    try:
        with open(f"/proc/{process}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def proportional_memory(process: int) -> int:
    """Return resident bytes with its share of shared ones, or :func:`resident_memory` if the kernel does not tell.

    Source: Linux, Documentation/ABI/testing/procfs-smaps_rollup.
    """
    try:
        with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    return resident_memory(process)
