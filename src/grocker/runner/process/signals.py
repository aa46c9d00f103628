"""Signals: which ones the runner waits for, how it takes and sends them. Contract: E1, E6.

They are taken one by one from the kernel's queue, never in handlers, except while the runner prepares.
"""

from __future__ import annotations

import os
import sys

from ..base.c_modules import signal
from ..base.failure import SIGNALLED, StopRequested
from ..base.value import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

STOP = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
FORWARDED = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2})
QUEUED = FORWARDED | {signal.SIGCHLD}
# A background process that hands the terminal on would be stopped by SIGTTOU.
_BLOCKED = QUEUED | {signal.SIGTTOU}


class Interruptible:
    """A context in which the first TERM, INT, QUIT or HUP raises StopRequested; outside it they stay pending.

    Python drops an exception that is raised in a finaliser or in a weak reference's callback, and importing runs many
    of them: what was dropped is raised at the end, and Python does not print it.
    """

    _NUMBERS = STOP | {signal.SIGHUP}

    def __init__(self) -> None:
        self._received = 0

    def __enter__(self) -> None:
        self._hook, sys.unraisablehook = sys.unraisablehook, self._drop
        self._before = {number: signal.signal(number, self._receive) for number in self._NUMBERS}
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._NUMBERS)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, self._NUMBERS)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        sys.unraisablehook = self._hook
        if self._received and kind is not StopRequested:
            raise StopRequested(self._received) from None

    def _drop(self, dropped: sys.UnraisableHookArgs) -> None:
        if not isinstance(dropped.exc_value, StopRequested):
            self._hook(dropped)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if not self._received:
            self._received = number
            raise StopRequested(number)


def block_signals() -> None:
    """Keep signals pending until they are taken."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
    # If our parent ignored SIGCHLD, we would not learn of children, and their exit statuses would be lost.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def restore_signals(mask: set[int]) -> None:
    """Restore dispositions and mask as the runner found them, in a process about to become another program."""
    signal.set_wakeup_fd(-1)
    for number in QUEUED:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    # Python ignores these two for itself, and children would inherit that.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def next_signal(timeout: float | None) -> int:
    """Return the next signal, or 0 when none came within ``timeout`` seconds (None: wait for ever)."""
    if timeout is None:
        return signal.sigwaitinfo(QUEUED).si_signo
    taken = signal.sigtimedwait(QUEUED, max(0.0, timeout))
    return taken.si_signo if taken is not None else 0


def signal_process(process: int, number: int) -> None:
    """Send a signal to a process, which may be gone."""
    try:
        os.kill(process, number)
    except (ProcessLookupError, PermissionError):
        pass


def signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group (0: only ask); whether the group exists."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def killing_signal(exit_status: int) -> str | None:
    """Return the name of the signal that an exit status stands for (137: ``SIGKILL``), or None."""
    if exit_status <= SIGNALLED:
        return None
    import signal  # slow to import (see c_modules), and rarely needed

    try:
        return signal.Signals(exit_status - SIGNALLED).name
    except ValueError:
        return None
