"""Sends records to a syslog daemon's local socket, and never waits for it. Contract: V4.

unix(7): the kernel holds a handful of records for the reader (``net.unix.max_dgram_qlen``), then a sender waits; ours
is told when there is room again. What waits stays unsplit until then: what has to be dropped cost next to nothing.
"""

from __future__ import annotations

import errno
import os
import time

from ..base.c_modules import deque, socket
from ..base.value import TYPE_CHECKING
from .lines import CUT, LONGEST
from .syslog_record import harmless, is_harmless

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..process.loop import Loop, Moment

QUEUE = 1 << 20  # bytes that wait
_BATCH = 128  # records of a turn
_AGAIN = 1.0  # seconds between two attempts to connect, or looks at a socket that takes nothing
_PATIENCE = 0.5  # seconds without a record taken, at the end
_SHORTEST = 256  # bytes; what is not even taken then is dropped
_SHORT_OF_MEMORY = 0.1  # seconds until it is tried again; nobody tells when there is some
_NOTHING = (0, 0)
_BLOCK = 256  # bytes that a block takes besides its lines


class _Block:
    """Whole lines under one header. ``spill``: takes what is left of them when they cannot be sent."""

    __slots__ = ("at", "header", "lines", "rough", "spill")

    def __init__(self, header: bytes, lines: bytes, spill: Callable[[bytes], None]) -> None:
        self.header = header
        self.lines = lines
        self.spill = spill
        self.at = 0
        self.rough: bool | None = None  # whether something in it must be made harmless, once that is known


class SyslogSocket:
    """``path``: of the socket; ``lost``: called with the reason when it takes nothing any more; ``back``: when it does.

    It is not connected before :meth:`connect`. ``dropped``: lines that not even the daemon's limits let through.
    """

    def __init__(self, loop: Loop, path: str, *, lost: Callable[[OSError], None], back: Callable[[], None]) -> None:
        self._loop: Loop | None = loop
        self._path = path
        self._lost = lost
        self._back = back
        self._socket: socket.socket | None = None
        self._stream = False
        self._part = b""  # of a record that a stream took the beginning of
        self._inode = _NOTHING
        self._queue: deque[_Block] = deque()
        self._size = 0
        self._watched = False
        self._moment: Moment | None = None
        self._sent = 0
        self._sent_before = -1
        self.dropped = 0

    @property
    def connected(self) -> bool:
        """Whether somebody took what was sent last."""
        return self._socket is not None

    @property
    def busy(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._queue)

    def connect(self) -> None:
        """Raises OSError."""
        kind = socket.SOCK_DGRAM
        while True:
            made = socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            try:
                made.connect(self._path)
                break
            except OSError as error:
                made.close()
                if error.errno != errno.EPROTOTYPE or kind == socket.SOCK_STREAM:
                    raise
                kind = socket.SOCK_STREAM
        self._socket = made
        self._stream = kind == socket.SOCK_STREAM
        self._inode = self._found()

    def _found(self) -> tuple[int, int]:
        try:
            found = os.stat(self._path)
        except OSError:
            return _NOTHING
        return (found.st_dev, found.st_ino)

    def expect(self) -> None:
        """Tries to connect at intervals."""
        self._later()

    def put(self, header: bytes, lines: bytes, spill: Callable[[bytes], None]) -> bool:
        """Sends ``lines``, each with its line end, now or later; False when there is no room for them.

        ``spill`` is given what is left of them if that becomes impossible.
        """
        size = len(lines) + _BLOCK
        if self._size + size > QUEUE and self._queue:
            return False
        self._queue.append(_Block(header, lines, spill))
        self._size += size
        if len(self._queue) == 1:
            self.flush()
        return True

    def take_back(self) -> None:
        """Gives all that waits to who brought it."""
        queue, self._queue, self._size, self._part = self._queue, deque(), 0, b""
        for block in queue:
            block.spill(block.lines[block.at :])
        self._rest()

    def flush(self) -> None:
        """Sends of what waits as much as one turn may, and there is room for."""
        again = True
        while self._socket is not None:
            try:
                self._send(self._socket)
            except BlockingIOError:
                pass
            except OSError as error:
                if error.errno in (errno.ENOBUFS, errno.ENOMEM):
                    self._rest()
                    self._later(_SHORT_OF_MEMORY)
                    return
                self._disconnect()
                if again and self._reconnected():
                    again = False
                    continue
                self._lose(error)
                return
            if self._queue:
                self._wait(self._socket)
            else:
                self._rest()
            return

    def _send(self, to: socket.socket) -> None:
        left = _BATCH
        while self._queue:
            block = self._queue[0]
            lines, header = block.lines, block.header
            if block.rough is None:
                block.rough = not is_harmless(lines)
            at = block.at
            try:
                while at < len(lines):
                    if not left:
                        return
                    end = lines.find(b"\n", at)
                    line = lines[at:end]
                    if end - at > LONGEST:
                        line = line[:LONGEST] + CUT
                    if block.rough:
                        line = harmless(line)
                    if self._stream:
                        self._send_part(to, header + line + b"\0")
                    else:
                        try:
                            to.send(header + line)
                        except OSError as error:
                            if error.errno != errno.EMSGSIZE:
                                raise
                            self._send_shorter(to, header, line)
                    at = end + 1
                    left -= 1
            finally:
                self._sent += at - block.at
                block.at = at
            self._size -= len(lines) + _BLOCK
            self._queue.popleft()

    def _send_part(self, to: socket.socket, record: bytes) -> None:
        data = self._part or record
        try:
            while data:
                data = data[to.send(data, socket.MSG_NOSIGNAL) :]
        finally:
            self._part = data if data is not record else b""

    def _send_shorter(self, to: socket.socket, header: bytes, line: bytes) -> None:
        while len(line) > _SHORTEST:
            line = line[: len(line) // 2]
            try:
                to.send(header + line + CUT)
                return
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    raise
        self.dropped += 1

    def _wait(self, for_room_in: socket.socket) -> None:
        if not self._watched and self._loop is not None:
            self._watched = True
            self._loop.watch_room(for_room_in.fileno(), self.flush)
        if self._moment is None:
            self._sent_before = self._sent
            self._later()

    def _rest(self) -> None:
        if self._watched and self._socket is not None and self._loop is not None:
            self._loop.forget_room(self._socket.fileno())
        self._watched = False

    def _later(self, seconds: float = _AGAIN) -> None:
        if self._loop is not None and self._moment is None:
            self._moment = self._loop.after(seconds, self._look)

    def _look(self) -> None:
        """Connected: whether it still is the socket that others find there. Else whether there is one again."""
        self._moment = None
        if self._socket is None:
            if self._reconnected():
                self._back()
                self.flush()
            else:
                self._later()
        elif self._queue:
            stuck = self._sent == self._sent_before
            if stuck and self._found() not in (self._inode, _NOTHING):
                self._disconnect()
                if not self._reconnected():
                    self._lose(ConnectionRefusedError(errno.ECONNREFUSED, ""))
                    return
            self.flush()

    def _lose(self, error: OSError) -> None:
        self._later()
        self._lost(error)

    def _reconnected(self) -> bool:
        try:
            self.connect()
        except OSError:
            return False
        return True

    def _disconnect(self) -> None:
        self._rest()
        if self._socket is not None:
            self._socket.close()
        self._socket, self._part = None, b""

    def leave_loop(self) -> None:
        """Nothing is called any more, save from :meth:`put` and :meth:`finish`."""
        self._rest()
        if self._moment is not None:
            self._moment.call_off()
        self._loop = self._moment = None

    def descriptor(self) -> int | None:
        """The one to poll for room, while something waits."""
        return self._socket.fileno() if self._socket is not None and self._queue else None

    def finish(self, latest: float) -> None:
        """Sends what waits, until ``latest`` (monotonic) if need be; the rest goes back to who brought it.

        A daemon that takes nothing at all is waited for more shortly.
        """
        import select

        while self._queue and self._socket is not None and (left := latest - time.monotonic()) > 0:
            poll = select.poll()
            poll.register(self._socket.fileno(), select.POLLOUT)
            if not poll.poll(min(left, _PATIENCE) * 1000):
                break
            self.flush()
        self.take_back()

    def close(self) -> None:
        """What waits is forgotten."""
        self.leave_loop()
        self._disconnect()
        self._queue, self._size = deque(), 0
