"""Ends a process group: it is asked first, and killed when its time is over. Contract: E1, K3."""

from __future__ import annotations

import time

from ..base.c_modules import signal
from ..base.value import TYPE_CHECKING
from .signals import signal_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from .loop import Loop, Timer

GIVE_UP = 2.0  # seconds after SIGKILL
_POLL = 0.05  # seconds; nothing tells when a group has become empty


class GroupEnd:
    """The end of one process group. Nothing here blocks: the loop calls again.

    ``leader_alive``: whether the group's first process has not been reaped yet; ``on_gone`` is called once, when the
    group is empty or ``give_up`` seconds after SIGKILL; ``on_overdue`` once, before SIGKILL. ``abandon_leader``:
    whether a leader that SIGKILL does not end is given up too.
    """

    def __init__(
        self,
        loop: Loop,
        group: int,
        deadline: float,
        *,
        leader_alive: Callable[[], bool],
        on_gone: Callable[[], None],
        on_overdue: Callable[[], None] = lambda: None,
        abandon_leader: bool = False,
        give_up: float = GIVE_UP,
    ) -> None:
        self.deadline = deadline
        """monotonic; what is left then is killed"""
        self._loop = loop
        self._group = group
        self._leader_alive = leader_alive
        self._on_gone = on_gone
        self._on_overdue = on_overdue
        self._abandon_leader = abandon_leader
        self._give_up = give_up
        self._killed_at: float | None = None
        self._timer: Timer | None = None
        self._gone = False

    def terminate(self, number: int = signal.SIGTERM) -> None:
        """Ask the whole group to end, with that signal; stopped processes are continued, so that they can."""
        if signal_group(self._group, number):
            signal_group(self._group, signal.SIGCONT)

    def check(self) -> None:
        """Look whether the group is gone or has to be killed; call this after each end of a child too."""
        if self._gone:
            return
        now = time.monotonic()
        alive = self._leader_alive()
        in_vain = self._killed_at is not None and now >= self._killed_at + self._give_up
        if (not alive and not signal_group(self._group, 0)) or (in_vain and (self._abandon_leader or not alive)):
            self._gone = True
            if self._timer is not None:
                self._timer.cancel()
            self._on_gone()
        elif now >= self.deadline:
            self._kill(now)
            self._check_in(_POLL)
        elif alive:
            self._check_in(self.deadline - now)
        else:
            self._check_in(min(_POLL, self.deadline - now))

    def _kill(self, now: float) -> None:
        if self._killed_at is None:
            self._killed_at = now  # not the deadline: it passes while the container is paused
            self._on_overdue()
        signal_group(self._group, signal.SIGKILL)

    def _check_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.after(seconds, self.check)
