"""``start SERVICE``: its processes under supervision. Contract: E1, E2.

A service is one process, or one with companions. When one of them is given up, the others are ended in order, and the
container ends with the status of the one.
"""

from __future__ import annotations

import os
import time

from ..base.failure import KILLED
from ..base.value import TYPE_CHECKING
from ..process.child import reap_some
from ..process.loop import Loop
from ..process.signals import FORWARDED
from ..servers.context import FRONT_SHARE
from ..status import values as status
from .supervised_process import Part, Process

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST = 3600.0  # seconds; there is nothing to look at in between


class Supervision:
    """The processes of a service in one loop; the first part is the main one.

    ``stop_timeout``: seconds. ``on_stop`` is called once, when the end begins, ``on_change`` after each start and end.
    """

    def __init__(self, name: str, stop_timeout: float) -> None:
        self.name = name
        self.loop = Loop(self._child, self._signal)
        self.processes: tuple[Process, ...] = ()
        self.stopping = False
        self.on_stop: Callable[[], None] = _nothing
        self.on_change: Callable[[Process], None] = _nothing_of
        self._stop_timeout = stop_timeout
        self._deadline = 0.0
        self._result: int | None = None  # of the process given up on

    @property
    def main(self) -> Process:
        """The process that the service is named after."""
        return self.processes[0]

    def run(self, parts: tuple[Part, ...]) -> int:
        """Starts them, until a stop is asked for or one is given up; the container's exit status. In the loop."""
        self.processes = tuple(
            Process(part, self.loop, on_change=self._changed, on_given_up=self._given_up, on_key=self._asked)
            for part in parts
        )
        for process in self.processes:
            if not self.stopping:
                process.start()
        while True:
            if self.loop.asked:
                self._stop()
            if self._over():
                break
            self.loop.turn(_LONGEST)
        killed = any(process.killed for process in self.processes)
        if self._result is not None:
            return self._result
        return KILLED if killed else 0

    def _over(self) -> bool:
        return self.stopping and all(process.state == status.STOPPED for process in self.processes)

    def _asked(self) -> None:
        self.loop.asked = True

    def _signal(self, number: int) -> None:
        if number in FORWARDED:
            self.main.signal(number)

    def _child(self) -> None:
        more = reap_some(self._take, os.WNOHANG | os.WUNTRACED)
        for process in self.processes:
            process.look()
        if more:
            self.loop.after(0.0, self._child)

    def _take(self, pid: int, wait_status: int) -> None:
        for process in self.processes:
            if process.take(pid, wait_status):
                return

    def _changed(self, process: Process) -> None:
        self.on_change(process)
        if self.stopping:
            self._stop_rest()

    def _given_up(self, process: Process, exit_status: int) -> None:
        if self._result is None and not self.stopping:
            self._result = exit_status or 1
        self.on_change(process)
        self._stop()
        self._stop_rest()

    def _stop(self) -> None:
        """Begins the end: what is in front first, then the rest."""
        if self.stopping:
            return
        self.stopping = True
        self.on_stop()
        now = time.monotonic()
        self._deadline = now + self._stop_timeout
        for process in self.processes:
            if process.part.front:
                process.stop(now + self._stop_timeout * FRONT_SHARE)
        self._stop_rest()

    def _stop_rest(self) -> None:
        if any(process.part.front and process.state != status.STOPPED for process in self.processes):
            return
        for process in self.processes:
            process.stop(self._deadline)


def _nothing() -> None:
    pass


def _nothing_of(_: Process) -> None:
    pass
