"""A worker that outgrows its memory is renewed before the kernel kills it. Contract: X4.

The server is asked to end the worker as it would for a reload: it answers what it has, and another one takes its place.
"""

from __future__ import annotations

import os

from ..base.c_modules import signal
from ..base.failure import say
from ..base.value import TYPE_CHECKING
from ..process.child import send
from ..status import values as status

if TYPE_CHECKING:
    from ..process.container_limits import Limits
    from ..process.loop import Loop
    from .supervised_process import Process

_BETWEEN = 5.0  # seconds
_SHARE = 0.9  # of the container's memory, for the workers together
_MIB = 1 << 20


def limit(declared: int | None, limits: Limits, workers: int) -> int | None:
    """Bytes for one worker: as ``declared`` (MiB), else its share of the container's memory; None without a limit."""
    if declared is not None:
        return declared * _MIB
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(limits.memory * _SHARE / workers) if limits.memory < machine else None


class Recycling:
    """Looks at the workers of a service from time to time; one is renewed at a time.

    ``most``: bytes that one may have; ``own``: the main process is the one worker; ``seconds``: how long one may take
    to end.
    """

    def __init__(self, loop: Loop, main: Process, most: int, *, own: bool, seconds: float) -> None:
        self._loop = loop
        self._main = main
        self._most = most
        self._own = own
        self._seconds = seconds
        self._leaving: set[int] = set()
        loop.after(_BETWEEN, self._look)

    def _look(self) -> None:
        self._loop.after(_BETWEEN, self._look)
        main = self._main
        if main.state != status.RUNNING:
            return
        workers = [main.pid] if self._own else children(main.pid)
        self._leaving &= set(workers)
        if self._leaving:
            return
        for worker in workers:
            used = resident(worker)
            # Pages that workers share count for each of them; what is its own takes longer to find out.
            if used > self._most and (used := proportional(worker)) > self._most:
                say(f"{main.part.name}: worker {worker} has {used // _MIB} MiB, over {self._most // _MIB}: renewed")
                if self._own:
                    main.renew(self._seconds)
                else:
                    self._leaving.add(worker)
                    main.recycled += 1
                    send(signal.SIGTERM, worker)
                return


def children(process: int) -> list[int]:
    """The processes that it has started and that live. Source: proc_pid_task(5)."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    except OSError:
        pass  # it has just ended
    return found


def resident(process: int) -> int:
    """Bytes in memory, shared ones too; 0 when it is gone. Source: proc_pid_statm(5)."""
    try:
        with open(f"/proc/{process}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def proportional(process: int) -> int:
    """Bytes in memory, of shared ones its share; as :func:`resident` where the kernel does not tell.

    Source: Linux, Documentation/ABI/testing/procfs-smaps_rollup.
    """
    try:
        with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    return resident(process)
