"""stdout and stderr of the container, without ever waiting for who reads them. Contract: V4.

O_NONBLOCK belongs to the open file, which others have too (the service its terminal, by stdin), so a pipe or terminal
is opened once more for us alone. Where that is forbidden, we ask first and write no more than a pipe takes at once.
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

FULL = 64 << 10  # bytes that wait; then those who feed it are asked to pause
_LIMIT = 1 << 20  # bytes that wait, of those who cannot pause
_AT_ONCE = select.PIPE_BUF


class StandardOutput:
    """Bytes go out unchanged and in order. ``descriptor``: 1 or 2, left open.

    ``dropped``: lines that nobody could be given.
    """

    def __init__(self, loop: Loop, descriptor: int) -> None:
        self._loop: Loop | None = loop
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._resume: list[Callable[[], None]] = []
        self.dropped = 0
        self._patient = True
        self._descriptor = descriptor
        self._own: int | None = None
        self._socket: socket.socket | None = None
        self._ask: select.poll | None = None
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
        except OSError:  # forbidden, or a pipe that nobody reads
            self._ask = select.poll()
            self._ask.register(self._descriptor, select.POLLOUT)

    @property
    def full(self) -> bool:
        """Whether nothing more should be given to it now."""
        return self._patient and self._size > FULL

    @property
    def busy(self) -> bool:
        """Whether something waits."""
        return bool(self._waiting)

    @property
    def descriptor(self) -> int:
        """The one to poll for room."""
        return self._descriptor if self._own is None else self._own

    def when_room(self, call: Callable[[], None]) -> None:
        """Calls once, when it is not full any more."""
        self._resume.append(call)

    def let_go(self) -> None:
        """From now on nobody pauses for its reader: what there is no room for is dropped."""
        self._patient = False
        self.flush()

    def write(self, data: bytes) -> None:
        """Now if possible, else later."""
        if not self._waiting:
            data = self._write(data)
            if not data:
                return
            if self._loop is not None:
                self._loop.watch_room(self.descriptor, self.flush)
        if self._size + len(data) > _LIMIT and self._waiting:
            self._drop(data)
        else:
            self._waiting.append(data)
            self._size += len(data)

    def flush(self) -> None:
        """Writes of what waits as much as there is room for."""
        while self._waiting:
            data = self._waiting[0]
            rest = self._write(data)
            self._size -= len(data) - len(rest)
            if rest:
                self._waiting[0] = rest
                break
            self._waiting.popleft()
        if not self._waiting and self._loop is not None:
            self._loop.forget_room(self.descriptor)
        if not self.full:
            resume, self._resume = self._resume, []
            for call in resume:
                call()

    def leave_loop(self) -> None:
        """Nothing is called any more; what cannot be written at once waits for :meth:`flush`."""
        if self._loop is not None and self._waiting:
            self._loop.forget_room(self.descriptor)
        self._loop = None
        self._resume = []

    def flush_until(self, latest: float, *, empty: bool = False) -> None:
        """Waits until it is not full, or ``empty``, or the time (monotonic) is ``latest``."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        self.flush()
        while (self._waiting if empty else self.full) and (left := latest - time.monotonic()) > 0:
            poll.poll(left * 1000)
            self.flush()

    def finish(self, latest: float) -> None:
        """Writes what waits, until ``latest`` (monotonic) if need be; the rest is dropped."""
        self.flush_until(latest, empty=True)
        for data in self._waiting:
            self._drop(data)
        self._waiting, self._size = deque(), 0

    def close(self) -> None:
        """Closes what is our own."""
        self.leave_loop()
        if self._socket is not None:
            self._socket.close()
        elif self._own is not None:
            os.close(self._own)
        self._own = self._socket = None

    def _drop(self, data: bytes) -> None:
        self.dropped += max(1, data.count(b"\n"))

    def _write(self, data: bytes) -> bytes:
        """What there is no room for now. Without a reader it is dropped."""
        view = memoryview(data)
        try:
            while view:
                if self._ask is not None:
                    if not self._ask.poll(0):
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
