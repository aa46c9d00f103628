"""``start SERVICE``: supervises a service's processes in one loop. Contract: E1, E2.

A service is one process, or one with companions. When one of them is given up, the others are stopped in order, and the
container exits with its status.
"""

from __future__ import annotations

import os
import time

from ..base.failure import KILLED
from ..base.value import TYPE_CHECKING
from ..process.child import reap_some
from ..process.loop import Loop
from ..process.signals import FORWARDED
from ..servers.table import FRONT_SHARE
from ..status.values import STOPPED
from .supervised_process import ProcessSpec, SupervisedProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LONGEST_TURN = 3600.0  # seconds


class Supervisor:
    """The processes of a service; the first one is the main process.

    ``stop_timeout``: seconds. ``on_stop`` is called once, when stopping begins, ``on_change`` after each start and end.
    ``last_lines`` returns the last lines that the process of that name wrote.
    """

    def __init__(self, name: str, stop_timeout: float) -> None:
        self.name = name
        self.loop = Loop(self._reap, self._forward)
        self.processes: tuple[SupervisedProcess, ...] = ()
        self.stopping = False
        self.on_stop: Callable[[], None] = lambda: None
        self.on_change: Callable[[SupervisedProcess], None] = lambda _: None
        self.last_lines: Callable[[str], Sequence[str]] = lambda _: ()
        self._stop_timeout = stop_timeout
        self.deadline = 0.0
        """of the stop, monotonic"""
        self._result: int | None = None  # of the process that was given up

    @property
    def main(self) -> SupervisedProcess:
        """The process that the service is named after."""
        return self.processes[0]

    def run(self, specs: tuple[ProcessSpec, ...]) -> int:
        """Start the processes, supervise them until they are to stop, and return the container's exit status.

        Call it inside the loop's ``with``.
        """
        self.processes = tuple(
            SupervisedProcess(
                spec,
                self.loop,
                on_change=self._changed,
                on_given_up=self._given_up,
                on_interrupt=self._request_stop,
                last_lines=self._reader_of(spec.name),
            )
            for spec in specs
        )
        for process in self.processes:
            if not self.stopping:
                process.start()
        while True:
            if self.loop.stop_requested:
                self._stop()
            if self.stopping and all(process.state == STOPPED for process in self.processes):
                break
            self.loop.turn(_LONGEST_TURN)
        if self._result is not None:
            return self._result
        return KILLED if any(process.killed for process in self.processes) else 0

    def _reader_of(self, name: str) -> Callable[[], Sequence[str]]:
        return lambda: self.last_lines(name)

    def _request_stop(self) -> None:
        self.loop.stop_requested = True

    def _forward(self, number: int) -> None:
        if number in FORWARDED:
            self.main.forward(number)

    def _reap(self) -> None:
        more = reap_some(self._handle_child, os.WNOHANG | os.WUNTRACED)
        for process in self.processes:
            process.check()
        if more:
            self.loop.after(0.0, self._reap)

    def _handle_child(self, pid: int, wait_status: int) -> None:
        for process in self.processes:
            if process.handle_child(pid, wait_status):
                return

    def _changed(self, process: SupervisedProcess) -> None:
        self.on_change(process)
        if self.stopping:
            self._stop_behind_front()

    def _given_up(self, process: SupervisedProcess, status: int) -> None:
        if self._result is None and not self.stopping:
            self._result = status or 1
        self.on_change(process)
        self._stop()
        self._stop_behind_front()

    def _stop(self) -> None:
        """Begin to stop: what is in front first, then the others."""
        if self.stopping:
            return
        self.stopping = True
        now = time.monotonic()
        self.deadline = now + self._stop_timeout
        self.on_stop()
        for process in self.processes:
            if process.spec.front:
                process.stop(now + self._stop_timeout * FRONT_SHARE)
        self._stop_behind_front()

    def _stop_behind_front(self) -> None:
        if any(process.spec.front and process.state != STOPPED for process in self.processes):
            return
        for process in self.processes:
            process.stop(self.deadline)
