"""One process of a service: started, ended with its whole group, started again. Contract: E1, E2.

Nothing here waits: what takes time is looked at again later, by the loop.
"""

from __future__ import annotations

import os
import time

from ..base.c_modules import signal
from ..base.failure import Failure, say
from ..base.value import TYPE_CHECKING, Value
from ..process.child import NoProcess, resume_when_stopped, send, spawn, status_of
from ..process.interrupt_watcher import PRESSED, watch
from ..process.program import Program
from ..status import values as status
from . import restart_policy
from .restart_policy import Restarts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..contract.spec import Restart
    from ..process.loop import Loop, Moment

_LEFTOVERS = 2.0  # seconds that what a dead process left in its group has before it is killed
_KEYPRESS = 0.2  # seconds in which the watcher's end tells that Ctrl-C was what ended the process
_POLL = 0.05  # seconds; nobody tells when a group has become empty


class Part(Value):
    """A process of a service, as it is to be.

    ``stop_signal`` asks it to end; ``mask``: signals that it shall have blocked; ``keep``: descriptors that it
    inherits; ``streams``: its stdin, stdout and stderr; ``terminal``: the one whose foreground it has; ``front``: it is
    ended before the others, which go on answering what it has accepted.
    """

    name: str
    program: Program
    environ: Mapping[str, str]
    directory: str
    stop_signal: int = signal.SIGTERM
    restart: Restart
    mask: set[int]
    keep: tuple[int, ...] = ()
    streams: tuple[int, int, int] = (0, 1, 2)
    terminal: int | None = None
    front: bool = False


class Process:
    """What has become of a :class:`Part`. ``pid`` and ``group`` are 0 while there is none.

    ``on_change`` is called after each start and end; ``on_given_up`` with the exit status when it is not started again;
    ``on_key`` when Ctrl-C was pressed.
    """

    def __init__(
        self,
        part: Part,
        loop: Loop,
        *,
        on_change: Callable[[Process], None],
        on_given_up: Callable[[Process, int], None],
        on_key: Callable[[], None],
    ) -> None:
        self.part = part
        self.pid = 0
        self.group = 0
        self.state = status.WAITING
        self.started: float | None = None
        self.starts = 0
        self.restarts = 0
        self.recycled = 0
        self.last_exit: int | None = None
        self.killed = False
        """whether it did not end in the time that it had"""
        self._loop = loop
        self._on_change = on_change
        self._on_given_up = on_given_up
        self._on_key = on_key
        self._history = Restarts(limit=part.restart)
        self._watcher: int | None = None
        self._asked = 0.0
        self._deadline = 0.0
        self._kill_sent: float | None = None
        self._again: Moment | None = None
        self._look_soon: Moment | None = None
        self._renewing = False

    def start(self) -> None:
        """Starts it. What cannot be executed is given up at once: trying again would not help."""
        part = self.part
        self._again = None
        try:
            self.pid = spawn(
                part.program,
                part.environ,
                part.mask,
                foreground=part.terminal,
                directory=part.directory,
                keep=part.keep,
                streams=part.streams,
                before=self._before,
            )
        except NoProcess as failure:
            say(f"{part.name}: {failure.message}")
            self._ended(failure.status)
            return
        except Failure as failure:
            say(failure.message)
            if self._watcher is not None:
                send(signal.SIGKILL, self._watcher)
            self.state = status.STOPPED
            self._on_given_up(self, failure.status)
            return
        self.state = status.RUNNING
        self.started = time.time()
        self.starts += 1
        self._on_change(self)

    def _before(self, child: int) -> None:
        self.group = child
        self._watcher = watch(child) if self.part.terminal is not None else None

    def signal(self, number: int) -> None:
        """Passes a signal on to it alone."""
        if self.pid:
            send(number, self.pid)

    def take(self, process: int, wait_status: int) -> bool:
        """The end of a child; whether it was one of ours."""
        if process == self.pid:
            if not resume_when_stopped(process, wait_status):
                self.pid = 0
                self._main_ended(status_of(wait_status))
        elif process == self._watcher:
            if not os.WIFSTOPPED(wait_status):
                self._watcher = None
                if status_of(wait_status) == PRESSED:
                    self._on_key()
        else:
            return False
        return True

    def _main_ended(self, exit_status: int) -> None:
        if self._watcher is not None and self.state == status.RUNNING:
            self._loop.after(_KEYPRESS, lambda: self._ended(exit_status))
        else:
            self._ended(exit_status)

    def _ended(self, exit_status: int) -> None:
        self.last_exit = exit_status
        if self.state == status.STOPPED:  # since: the end of one on a terminal is believed a moment later
            return
        if self.state == status.STOPPING:
            self._end_group()
            return
        self.state = status.WAITING
        self._deadline = time.monotonic() + _LEFTOVERS
        self._on_change(self)
        self._end_group()

    def renew(self, seconds: float) -> None:
        """Ends it gracefully, within so many seconds, and starts it again; no death of its own, so none that counts."""
        if not self.pid or self._renewing:
            return
        self._renewing = True
        self.recycled += 1
        process = self.pid
        send(self.part.stop_signal, process)

        def kill() -> None:
            if self.pid == process:
                send(signal.SIGKILL, process)

        self._loop.after(seconds, kill)

    def stop(self, deadline: float) -> None:
        """Asks it to end; what is left at ``deadline`` (monotonic) is killed. It is not started again."""
        if self._again is not None:
            self._again.call_off()
            self._again = None
        if self.state in (status.STOPPING, status.STOPPED):
            return
        self._asked = time.monotonic()
        idle = not self.pid and not self.group
        self.state = status.STOPPED if idle else status.STOPPING
        self._deadline = deadline
        if idle:
            self._on_change(self)
        elif self.pid:
            send(self.part.stop_signal, self.pid)
            send(signal.SIGCONT, -self.group)
            self._look_later(deadline - time.monotonic())
        else:
            self._end_group()

    def _end_group(self) -> None:
        """Asks what the process left in its group to end."""
        if not self.group:
            self._gone()
            return
        if self._watcher is not None:
            send(signal.SIGKILL, self._watcher)
        if self._is_there():
            send(signal.SIGTERM, -self.group)
            send(signal.SIGCONT, -self.group)
        self.look()

    def look(self) -> None:
        """Whether the group is gone, or has to be killed: asked after each end of a child, too."""
        if not self.group or self.state == status.RUNNING:
            return
        now = time.monotonic()
        if not self.pid and not self._is_there():
            self._gone()
        elif self._kill_sent is not None and now >= self._kill_sent + _LEFTOVERS:
            self._gone()  # what cannot be killed is not waited for
        elif now >= self._deadline:
            if self.state == status.STOPPING and not self.killed:
                self.killed = True
                seconds = round(self._deadline - self._asked, 3)
                say(
                    f"{self.part.name}: not ended {seconds:g} s after it was asked to, killed: "
                    "GROCKER_STOP_TIMEOUT sets the time"
                )
            if self._kill_sent is None:
                self._kill_sent = now  # not the deadline: while the container is paused, that passes
            send(signal.SIGKILL, -self.group)
            self._look_later(_POLL)
        elif self.pid:
            self._look_later(self._deadline - now)
        else:
            self._look_later(min(_POLL, self._deadline - now))

    def _look_later(self, seconds: float) -> None:
        if self._look_soon is not None:
            self._look_soon.call_off()
        self._look_soon = self._loop.after(max(0.0, seconds), self.look)

    def _is_there(self) -> bool:
        if not self.group:
            return False
        try:
            os.killpg(self.group, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def _gone(self) -> None:
        self.pid = self.group = 0
        self._kill_sent = None
        if self._look_soon is not None:
            self._look_soon.call_off()
            self._look_soon = None
        if self.state == status.STOPPING:
            self.state = status.STOPPED
            self._on_change(self)
        else:
            self._decide()

    def _decide(self) -> None:
        """It died of itself: again, or given up."""
        exit_status = self.last_exit or 0
        if self._renewing:
            self._renewing = False
            self.start()
            return
        self._history, delay = restart_policy.after_death(self._history, time.monotonic())
        limit = self.part.restart
        if delay is None:
            self.state = status.STOPPED
            why = (
                f"after {limit.times} restarts in {limit.seconds} s"
                if limit.times
                else "restarting is left to the engine"
            )
            say(f"{self.part.name}: {_ended(exit_status)}, given up, {why}")
            self._on_given_up(self, exit_status)
            return
        self.restarts += 1
        count = f"{len(self._history.times)} of {limit.times} in {limit.seconds} s"
        say(f"{self.part.name}: {_ended(exit_status)}, started again in {delay:g} s ({count})")
        self._again = self._loop.after(delay, self.start)


def _ended(exit_status: int) -> str:
    if exit_status > 128:
        import signal

        try:
            return f"ended by {signal.Signals(exit_status - 128).name}"
        except ValueError:
            pass
    return f"ended with status {exit_status}"
