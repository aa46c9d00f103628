"""The event loop of ``start`` and ``cron``: descriptors, timers and signals, handled one at a time.

Nothing that it calls may block.
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


class Timer:
    """A call that is due later, unless it is cancelled."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Drop the call; it may have been made already."""
        self._call = None

    def fire(self) -> None:
        """Make the call, once."""
        call, self._call = self._call, None
        if call is not None:
            call()


class Loop:
    """A resource; inside its ``with``, a signal that asks to stop sets ``stop_requested``.

    ``on_child`` is called when a child has ended, ``on_signal`` with every other signal that services get: HUP, USR1,
    USR2.
    """

    def __init__(self, on_child: Callable[[], None], on_signal: Callable[[int], None] | None = None) -> None:
        self.stop_requested = False
        self._on_child = on_child
        self._on_signal = on_signal
        self._readers: dict[int, Callable[[], object]] = {}
        self._writers: dict[int, Callable[[], object]] = {}
        self._registered: set[int] = set()
        self._signals: set[int] = set()  # received, other than those that ask to stop
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = 0

    def __enter__(self) -> Loop:
        self._poll = select.epoll()
        self._wakeup_reader, self._wakeup_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wakeup_before = signal.set_wakeup_fd(self._wakeup_writer, warn_on_full_buffer=False)
        self._handlers = {number: signal.signal(number, self._signal) for number in _WATCHED}
        self._mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
        self.watch(self._wakeup_reader, self._take_signals)
        return self

    def __exit__(self, *_: object) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        for descriptor in (self._wakeup_reader, self._wakeup_writer):
            os.close(descriptor)
        self._poll.close()

    def _signal(self, number: int, _: FrameType | None) -> None:
        if number in STOP:
            self.stop_requested = True
        else:
            self._signals.add(number)

    def _take_signals(self) -> None:
        # The pipe only wakes the loop: when other signals fill it, the one that matters is not in it.
        try:
            os.read(self._wakeup_reader, 1 << 16)
        except BlockingIOError:
            return
        received, self._signals = self._signals, set()
        if signal.SIGCHLD in received:
            self._on_child()
        if self._on_signal is not None:
            for number in sorted(received - {signal.SIGCHLD}):
                self._on_signal(number)

    def watch(self, descriptor: int, call: Callable[[], object]) -> None:
        """Call whenever there is something to read, or the other end is closed. Not for regular files."""
        self._readers[descriptor] = call
        self._register(descriptor)

    def watch_writable(self, descriptor: int, call: Callable[[], object]) -> None:
        """Call whenever something can be written, or the reader is gone. Not for regular files."""
        self._writers[descriptor] = call
        self._register(descriptor)

    def forget_reader(self, descriptor: int) -> None:
        """Undo :meth:`watch`; does nothing if the descriptor is not watched."""
        if self._readers.pop(descriptor, None) is not None:
            self._register(descriptor)

    def forget_writer(self, descriptor: int) -> None:
        """Undo :meth:`watch_writable`; does nothing if the descriptor is not watched."""
        if self._writers.pop(descriptor, None) is not None:
            self._register(descriptor)

    def forget(self, descriptor: int) -> None:
        """Make no more calls; needed before the descriptor is closed."""
        self._readers.pop(descriptor, None)
        self._writers.pop(descriptor, None)
        self._register(descriptor)

    def _register(self, descriptor: int) -> None:
        events = select.EPOLLIN if descriptor in self._readers else 0
        events |= select.EPOLLOUT if descriptor in self._writers else 0
        if descriptor in self._registered:
            if events:
                self._poll.modify(descriptor, events)
            else:
                self._registered.discard(descriptor)
                self._poll.unregister(descriptor)
        elif events:
            self._poll.register(descriptor, events)
            self._registered.add(descriptor)

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call in so many seconds."""
        timer = Timer(call)
        self._count += 1
        heapq.heappush(self._timers, (time.monotonic() + seconds, self._count, timer))
        return timer

    def turn(self, longest: float) -> None:
        """Wait until something happens, for at most ``longest`` seconds, and handle it."""
        if self._timers:
            longest = min(longest, self._timers[0][0] - time.monotonic())
        for descriptor, events in self._poll.poll(max(0.0, longest)):
            # An earlier call may have stopped watching it.
            if events & ~select.EPOLLOUT and (reader := self._readers.get(descriptor)) is not None:
                reader()
            if events & ~select.EPOLLIN and (writer := self._writers.get(descriptor)) is not None:
                writer()
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2].fire()
