"""One process of a service: started, stopped with its whole group, restarted. Contract: E1, E2.

Nothing here blocks: what takes time is checked again later, by the loop.
"""

from __future__ import annotations

import os
import time

from ..base.c_modules import signal
from ..base.failure import Failure, say
from ..base.value import TYPE_CHECKING, Value
from ..contract.names import GROCKER_STOP_TIMEOUT
from ..process.child import ProcessLimitReached, exit_status, resume_when_stopped, spawn
from ..process.interrupt_watcher import PRESSED, start_watcher
from ..process.process_group import GroupEnd
from ..process.program import Program
from ..process.signals import killing_signal, signal_group, signal_process
from ..status.values import RUNNING, STOPPED, STOPPING, WAITING
from . import read_only_path, restart_policy
from .restart_policy import RestartHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..contract.spec import RestartLimit
    from ..process.loop import Loop, Timer
    from ..servers.load_failure import LoadFailure

_LEFTOVERS = 2.0  # seconds until what a dead process left in its group is killed
_LOADS = 2  # attempts to load an application: what is missing will still be missing
_LAST_LINE = 300  # characters of it in a message
_KEYPRESS = 1.0  # seconds in which the watcher reports that Ctrl-C ended the process


class ProcessSpec(Value):
    """How to run a process.

    ``stop_signal`` asks it to stop; ``mask``: signals to block in it; ``keep``: descriptors that it inherits;
    ``streams``: its stdin, stdout and stderr; ``terminal``: whose foreground it becomes; ``front``: it is stopped
    before the others, which go on answering the requests that it has accepted; ``load_failures``: the directory where a
    server says why it cannot load the application, empty for other programs.
    """

    name: str
    program: Program
    environ: Mapping[str, str]
    directory: str
    stop_signal: int = signal.SIGTERM
    restart: RestartLimit
    mask: set[int]
    keep: tuple[int, ...] = ()
    streams: tuple[int, int, int] = (0, 1, 2)
    terminal: int | None = None
    front: bool = False
    load_failures: str = ""


class SupervisedProcess:
    """The process of a :class:`ProcessSpec`. ``pid`` and ``group`` are 0 while there is none.

    ``on_change`` is called after each start and end; ``on_given_up`` with the exit status when it is not restarted;
    ``on_interrupt`` when Ctrl-C was pressed. ``last_lines`` returns the last lines that the process wrote.
    """

    def __init__(
        self,
        spec: ProcessSpec,
        loop: Loop,
        *,
        on_change: Callable[[SupervisedProcess], None],
        on_given_up: Callable[[SupervisedProcess, int], None],
        on_interrupt: Callable[[], None],
        last_lines: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self.spec = spec
        self.pid = 0
        self.group = 0
        self.state = WAITING
        self.started: float | None = None
        self.starts = 0
        self.restarts = 0
        self.recycled = 0
        self.last_exit: int | None = None
        self.load_failure = ""
        """why the application could not be loaded at the last attempt, for everyone to read (H4)"""
        self.killed = False
        """whether it did not stop in time"""
        self._loop = loop
        self._on_change = on_change
        self._on_given_up = on_given_up
        self._on_interrupt = on_interrupt
        self._last_lines = last_lines
        self._history = RestartHistory(limit=spec.restart)
        self._watcher: int | None = None
        self._stop_requested = 0.0
        self._end: GroupEnd | None = None
        self._restart: Timer | None = None
        self._recycling = False
        self._started = 0.0  # monotonic
        self._failed_loads = 0  # in a row

    def start(self) -> None:
        """Start it. A program that cannot be executed is given up at once: retrying would not help."""
        spec = self.spec
        self._restart = None
        self._started = time.monotonic()
        try:
            self.pid = spawn(
                spec.program,
                spec.environ,
                spec.mask,
                foreground=spec.terminal,
                directory=spec.directory,
                keep=spec.keep,
                streams=spec.streams,
                before_exec=self._before_exec,
            )
        except ProcessLimitReached as failure:
            say(f"{spec.name}: {failure.message}")
            self._ended(failure.status)
            return
        except Failure as failure:
            say(failure.message)
            if self._watcher is not None:
                signal_process(self._watcher, signal.SIGKILL)
            self.state = STOPPED
            self._on_given_up(self, failure.status)
            return
        self.state = RUNNING
        self.started = time.time()
        self.starts += 1
        self._on_change(self)

    def _before_exec(self, child: int) -> None:
        self.group = child
        self._watcher = start_watcher(child) if self.spec.terminal is not None else None

    @property
    def recent_restarts(self) -> int:
        """The restarts that count towards the limit now."""
        limit, now = self.spec.restart, time.monotonic()
        return sum(now - moment < limit.seconds for moment in self._history.times)

    def forward(self, number: int) -> None:
        """Send a signal to the process, not to its group."""
        if self.pid:
            signal_process(self.pid, number)

    def handle_child(self, process: int, wait_status: int) -> bool:
        """Handle the end of a child; return whether it was one of this process's."""
        if process == self.pid:
            if not resume_when_stopped(process, wait_status):
                self.pid = 0
                self._main_ended(exit_status(wait_status))
        elif process == self._watcher:
            if not os.WIFSTOPPED(wait_status):
                self._watcher = None
                if exit_status(wait_status) == PRESSED:
                    self._on_interrupt()
        else:
            return False
        return True

    def _main_ended(self, status: int) -> None:
        if self._watcher is not None and self.state == RUNNING:
            self._loop.after(_KEYPRESS, lambda: self._ended(status))
        else:
            self._ended(status)

    def _ended(self, status: int) -> None:
        self.last_exit = status
        if self.state == STOPPED:  # meanwhile: with a terminal, the end is handled a moment later
            return
        if self.state != STOPPING:
            self.state = WAITING
            self._on_change(self)
        self._end_group(time.monotonic() + _LEFTOVERS)

    def recycle(self, seconds: float) -> None:
        """Stop it gracefully, within so many seconds, and start it again; this does not count as a death."""
        if not self.pid or self._recycling:
            return
        self._recycling = True
        self.recycled += 1
        process = self.pid
        signal_process(process, self.spec.stop_signal)

        def kill() -> None:
            if self.pid == process:
                signal_process(process, signal.SIGKILL)

        self._loop.after(seconds, kill)

    def stop(self, deadline: float) -> None:
        """Ask it to stop, for good; what is left at ``deadline`` (monotonic) is killed."""
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None
        if self.state in (STOPPING, STOPPED):
            return
        self._stop_requested = time.monotonic()
        if not self.pid and not self.group:
            self.state = STOPPED
            self._on_change(self)
            return
        self.state = STOPPING
        if self._end is not None:  # of what the dead process left behind
            self._end.deadline = deadline
            self._end.check()
        elif self.pid:
            self._end = self._group_end(deadline)
            signal_process(self.pid, self.spec.stop_signal)
            signal_group(self.group, signal.SIGCONT)
            self._end.check()
        else:
            self._end_group(deadline)

    def _group_end(self, deadline: float) -> GroupEnd:
        return GroupEnd(
            self._loop,
            self.group,
            deadline,
            leader_alive=lambda: bool(self.pid),
            on_gone=self._gone,
            on_overdue=self._overdue,
            abandon_leader=True,
        )

    def _end_group(self, deadline: float) -> None:
        """Ask what the process left in its group to end, by ``deadline`` unless a stop has set another one."""
        if not self.group:
            self._gone()
            return
        if self._watcher is not None:
            signal_process(self._watcher, signal.SIGKILL)
        if self._end is None:
            self._end = self._group_end(deadline)
        # The front's workers answer what they have accepted; what others leave behind may be anything.
        self._end.terminate(self.spec.stop_signal if self.spec.front else signal.SIGTERM)
        self._end.check()

    def check(self) -> None:
        """Look whether its group has ended; call this after each end of a child."""
        if self._end is not None:
            self._end.check()

    def _overdue(self) -> None:
        if self.state == STOPPING and self._end is not None:
            self.killed = True
            seconds = max(0.0, round(self._end.deadline - self._stop_requested, 1))
            say(
                f"{self.spec.name}: did not stop within {seconds:g} s, killed; "
                f"set {GROCKER_STOP_TIMEOUT} to give it more time"
            )

    def _gone(self) -> None:
        self.pid = self.group = 0
        self._end = None
        if self.state == STOPPING:
            self.state = STOPPED
            self._on_change(self)
        else:
            self._decide()

    def _decide(self) -> None:
        """Restart it after its death, or give it up."""
        status = self.last_exit or 0
        if self._recycling:
            self._recycling = False
            self.start()
            return
        limit = self.spec.restart
        failure = self._read_load_failure()
        self._failed_loads = self._failed_loads + 1 if failure is not None else 0
        self.load_failure = failure.summary if failure is not None else ""
        if failure is not None and (self._failed_loads >= _LOADS or not limit.times):
            self.state = STOPPED
            remedy = read_only_path.explain((failure.reason,), self.spec.directory)
            say(f"{self.spec.name}: giving up: the application cannot be loaded: {failure.reason}{remedy}")
            self._on_given_up(self, status)
            return
        self._history, delay = restart_policy.after_death(self._history, time.monotonic())
        if delay is None:
            self.state = STOPPED
            why = ", restarts are left to the engine"
            if limit.times:
                why = f" after {limit.times} restart{'s' if limit.times > 1 else ''} in {limit.seconds} s"
            lines = self._last_lines() if status else ()
            line = lines[-1].strip()[:_LAST_LINE] if lines else ""
            said = f"; its last line: {line}" if line else ""
            said += read_only_path.explain(lines, self.spec.directory)
            say(f"{self.spec.name}: {_describe(status)}; giving up{why}{said}")
            self._on_given_up(self, status)
            return
        self.restarts += 1
        if failure is not None:
            say(f"{self.spec.name}: the application cannot be loaded: {failure.reason}; retrying in {delay:.3g} s")
            self._restart = self._loop.after(delay, self.start)
            return
        count = f"restart {len(self._history.times)} of {limit.times} in {limit.seconds} s"
        say(f"{self.spec.name}: {_describe(status)}; restarting in {delay:.3g} s ({count})")
        self._restart = self._loop.after(delay, self.start)

    def _read_load_failure(self) -> LoadFailure | None:
        if not self.spec.load_failures:
            return None
        from ..servers import load_failure

        return load_failure.read(self.spec.load_failures, self._started)


def _describe(status: int) -> str:
    name = killing_signal(status)
    return f"killed by {name}" if name is not None else f"exited with status {status}"
