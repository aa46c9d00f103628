"""Signals of the runner: taken one by one from a queue, never in handlers, save while it prepares. Contract: E1, E6."""

from __future__ import annotations

from ..base.c_modules import signal
from ..base.failure import Asked
from ..base.value import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

STOP = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
FORWARDED = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2})
QUEUED = FORWARDED | {signal.SIGCHLD}
# In the background of a terminal, giving it away would stop the giver.
_HELD = QUEUED | {signal.SIGTTOU}


class Interruptible:
    """While this lasts, the first TERM, INT, QUIT or HUP raises Asked; outside they wait. ``with`` only.

    An exception in a finaliser or in the callback of a weak reference, which importing has many of, is dropped by
    Python: what was dropped is raised at the end.
    """

    _NUMBERS = STOP | {signal.SIGHUP}

    def __init__(self) -> None:
        self._asked = 0

    def __enter__(self) -> None:
        self._before = {number: signal.signal(number, self._take) for number in self._NUMBERS}
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._NUMBERS)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, self._NUMBERS)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._asked and kind is not Asked:
            raise Asked(self._asked) from None

    def _take(self, number: int, _: FrameType | None) -> None:
        if not self._asked:
            self._asked = number
            raise Asked(number)


def hold() -> None:
    """From now on signals wait until they are taken."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    # Where whoever started us ignores it, nobody would be told of children, and their exit status would be lost.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def restore(mask: set[int]) -> None:
    """For a process about to become another program: dispositions and mask as the runner found them."""
    signal.set_wakeup_fd(-1)
    for number in QUEUED:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    # Python ignores these two for itself; ignoring is inherited.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def waiting(timeout: float | None) -> int:
    """The next signal, or 0 when none came within ``timeout`` seconds (None: for ever)."""
    if timeout is None:
        return signal.sigwaitinfo(QUEUED).si_signo
    taken = signal.sigtimedwait(QUEUED, max(0.0, timeout))
    return taken.si_signo if taken is not None else 0
