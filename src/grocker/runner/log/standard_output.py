"""Writes to the container's stdout and stderr without ever blocking on their reader. Contract: V4.

O_NONBLOCK belongs to the open file description, which other processes share (a service has its terminal as stdin), so a
pipe or terminal is opened again for the runner alone. Where that is forbidden, the runner polls before each write and
writes no more than a pipe accepts at once.
"""

from __future__ import annotations

import os
import select
import stat
import time

from ..base.c_modules import deque, socket
from ..base.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..process.loop import Loop

FULL = 64 << 10  # pending bytes, above which writers are asked to pause
_LIMIT = 1 << 20  # pending bytes of writers that cannot pause
_AT_ONCE = select.PIPE_BUF


class StandardOutput:
    """Writes bytes unchanged and in order. ``descriptor``: 1 or 2, left open.

    ``dropped``: the number of lines that could not be written.
    """

    def __init__(self, loop: Loop, descriptor: int) -> None:
        self._loop: Loop | None = loop
        self._pending: deque[bytes] = deque()
        self._size = 0
        self._resume: list[Callable[[], None]] = []
        self.dropped = 0
        self._can_pause = True
        self._descriptor = descriptor
        self._own: int | None = None
        self._socket: socket.socket | None = None
        self._poll: select.poll | None = None
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISSOCK(mode):
            self._socket = socket.socket(fileno=os.dup(descriptor))
            self._own = self._socket.fileno()
        elif stat.S_ISFIFO(mode) or os.isatty(descriptor):
            self._reopen()

    def _reopen(self) -> None:
        path = f"/proc/self/fd/{self._descriptor}"
        try:
            self._own = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:  # forbidden, or a pipe without a reader
            self._poll = select.poll()
            self._poll.register(self._descriptor, select.POLLOUT)

    @property
    def full(self) -> bool:
        """Whether writers should pause."""
        return self._can_pause and self._size > FULL

    @property
    def busy(self) -> bool:
        """Whether bytes are pending."""
        return bool(self._pending)

    @property
    def descriptor(self) -> int:
        """The descriptor to poll for POLLOUT."""
        return self._descriptor if self._own is None else self._own

    def when_writable(self, call: Callable[[], None]) -> None:
        """Call once, when it is no longer full."""
        self._resume.append(call)

    def discard_pending(self) -> None:
        """Stop asking writers to pause: from now on, what does not fit is dropped."""
        self._can_pause = False
        self.flush()

    def write(self, data: bytes) -> None:
        """Write now if possible, else later."""
        if not self._pending:
            data = self._write(data)
            if not data:
                return
            if self._loop is not None:
                self._loop.watch_writable(self.descriptor, self.flush)
        if self._size + len(data) > _LIMIT and self._pending:
            self._drop(data)
        else:
            self._pending.append(data)
            self._size += len(data)

    def flush(self) -> None:
        """Write as much of the pending bytes as possible."""
        while self._pending:
            data = self._pending[0]
            rest = self._write(data)
            self._size -= len(data) - len(rest)
            if rest:
                self._pending[0] = rest
                break
            self._pending.popleft()
        if not self._pending and self._loop is not None:
            self._loop.forget_writer(self.descriptor)
        if not self.full:
            resume, self._resume = self._resume, []
            for call in resume:
                call()

    def leave_loop(self) -> None:
        """Make no more calls; what cannot be written at once stays pending until :meth:`flush`."""
        if self._loop is not None and self._pending:
            self._loop.forget_writer(self.descriptor)
        self._loop = None
        self._resume = []

    def flush_until(self, latest: float, *, empty: bool = False) -> None:
        """Block until it is not full, or ``empty``, or until the monotonic time ``latest``."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        self.flush()
        while (self._pending if empty else self.full) and (left := latest - time.monotonic()) > 0:
            poll.poll(left * 1000)
            self.flush()

    def finish(self, latest: float) -> None:
        """Write what is pending, at most until ``latest`` (monotonic); drop the rest."""
        self.flush_until(latest, empty=True)
        for data in self._pending:
            self._drop(data)
        self._pending, self._size = deque(), 0

    def close(self) -> None:
        """Close the descriptors that it opened."""
        self.leave_loop()
        if self._socket is not None:
            self._socket.close()
        elif self._own is not None:
            os.close(self._own)
        self._own = self._socket = None

    def _drop(self, data: bytes) -> None:
        self.dropped += max(1, data.count(b"\n"))

    def _write(self, data: bytes) -> bytes:
        """Write; return what does not fit now. Without a reader, everything is dropped."""
        view = memoryview(data)
        try:
            while view:
                if self._poll is not None:
                    if not self._poll.poll(0):
                        return bytes(view)
                    view = view[os.write(self._descriptor, view[:_AT_ONCE]) :]
                elif self._socket is not None:
                    view = view[self._socket.send(view, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) :]
                else:
                    view = view[os.write(self.descriptor, view) :]
        except BlockingIOError:
            return bytes(view)
        except OSError:
            self._drop(bytes(view))
        return b""
