"""One loop over descriptors, moments and signals: all of ``start`` and ``cron`` happens in it, one thing at a time.

Nothing that is called from it may wait.
"""

from __future__ import annotations

import os
import select
import time

from ..base.c_modules import heapq, signal
from ..base.value import TYPE_CHECKING
from .signals import FORWARDED, STOP

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_WATCHED = FORWARDED | {signal.SIGCHLD}


class Moment:
    """Something that is to happen later, unless it is called off."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def call_off(self) -> None:
        """It will not happen; it may have happened already."""
        self._call = None

    def happen(self) -> None:
        """Once."""
        call, self._call = self._call, None
        if call is not None:
            call()


class Loop:
    """A resource: ``with`` it signals come here, a stop sets ``asked``, the end of a child calls ``on_child``.

    ``on_signal`` is called with each of the others that a service may be sent: HUP, USR1, USR2.
    """

    def __init__(self, on_child: Callable[[], None], on_signal: Callable[[int], None] | None = None) -> None:
        self.asked = False
        self._on_child = on_child
        self._on_signal = on_signal
        self._readers: dict[int, Callable[[], object]] = {}
        self._writers: dict[int, Callable[[], object]] = {}
        self._registered: set[int] = set()
        self._signals: set[int] = set()  # that have come, besides those that ask to stop
        self._moments: list[tuple[float, int, Moment]] = []
        self._count = 0

    def __enter__(self) -> Loop:
        self._poll = select.epoll()
        self._told, self._tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wakeup = signal.set_wakeup_fd(self._tell, warn_on_full_buffer=False)
        self._handlers = {number: signal.signal(number, self._signal) for number in _WATCHED}
        self._mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
        self.watch(self._told, self._take_signals)
        return self

    def __exit__(self, *_: object) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        for descriptor in (self._told, self._tell):
            os.close(descriptor)
        self._poll.close()

    def _signal(self, number: int, _: FrameType | None) -> None:
        if number in STOP:
            self.asked = True
        else:
            self._signals.add(number)

    def _take_signals(self) -> None:
        # What is in the pipe only wakes: when somebody fills it with others, the one that counts is not in it.
        try:
            os.read(self._told, 1 << 16)
        except BlockingIOError:
            return
        came, self._signals = self._signals, set()
        if signal.SIGCHLD in came:
            self._on_child()
        if self._on_signal is not None:
            for number in sorted(came - {signal.SIGCHLD}):
                self._on_signal(number)

    def watch(self, descriptor: int, call: Callable[[], object]) -> None:
        """Calls whenever there is something to read, or the other end is closed. Not for regular files."""
        self._readers[descriptor] = call
        self._register(descriptor)

    def watch_room(self, descriptor: int, call: Callable[[], object]) -> None:
        """Calls whenever something can be written, or nobody will read it any more. Not for regular files."""
        self._writers[descriptor] = call
        self._register(descriptor)

    def forget_reader(self, descriptor: int) -> None:
        """The opposite of :meth:`watch` alone; nothing if it is not watched."""
        if self._readers.pop(descriptor, None) is not None:
            self._register(descriptor)

    def forget_room(self, descriptor: int) -> None:
        """The opposite of :meth:`watch_room` alone; nothing if it is not watched."""
        if self._writers.pop(descriptor, None) is not None:
            self._register(descriptor)

    def forget(self, descriptor: int) -> None:
        """No more calls, before the descriptor is closed."""
        self._readers.pop(descriptor, None)
        self._writers.pop(descriptor, None)
        self._register(descriptor)

    def _register(self, descriptor: int) -> None:
        wanted = select.EPOLLIN if descriptor in self._readers else 0
        wanted |= select.EPOLLOUT if descriptor in self._writers else 0
        if descriptor in self._registered:
            if wanted:
                self._poll.modify(descriptor, wanted)
            else:
                self._registered.discard(descriptor)
                self._poll.unregister(descriptor)
        elif wanted:
            self._poll.register(descriptor, wanted)
            self._registered.add(descriptor)

    def after(self, seconds: float, call: Callable[[], None]) -> Moment:
        """Calls in so many seconds."""
        moment = Moment(call)
        self._count += 1
        heapq.heappush(self._moments, (time.monotonic() + seconds, self._count, moment))
        return moment

    def turn(self, longest: float) -> None:
        """Waits until something happens, for at most ``longest`` seconds, and deals with it."""
        if self._moments:
            longest = min(longest, self._moments[0][0] - time.monotonic())
        for descriptor, what in self._poll.poll(max(0.0, longest)):
            # One that was called before may have forgotten it.
            if what & ~select.EPOLLOUT and (reader := self._readers.get(descriptor)) is not None:
                reader()
            if what & ~select.EPOLLIN and (writer := self._writers.get(descriptor)) is not None:
                writer()
        now = time.monotonic()
        while self._moments and self._moments[0][0] <= now:
            heapq.heappop(self._moments)[2].happen()
