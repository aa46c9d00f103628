"""Sends records to a syslog daemon's local socket without ever blocking. Contract: V4.

The kernel queues a few records for the reader (unix(7), ``net.unix.max_dgram_qlen``), then the socket is not writable.
Pending lines are split only when they are sent, so dropping them costs next to nothing.
"""

from __future__ import annotations

import errno
import os
import time

from ..base.c_modules import deque, socket
from ..base.value import TYPE_CHECKING
from .lines import CUT, LONGEST
from .syslog_record import escape_controls, is_printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..process.loop import Loop, Timer

QUEUE = 1 << 20  # pending bytes
BATCH = 128  # records sent before other events get their turn
_RETRY = 1.0  # seconds between attempts to connect, or checks of a socket that accepts nothing
_LAST_WAIT = 0.5  # seconds for a record to be accepted, at the end
_SHORTEST = 256  # bytes; a line that is refused even then is dropped
_MEMORY_RETRY = 0.1  # seconds; nothing tells when the kernel has memory again
_NO_INODE = (0, 0)
_OVERHEAD = 256  # bytes of a block besides its lines


class _Block:
    """Whole lines with one header. ``spill``: called with the lines that cannot be sent."""

    __slots__ = ("at", "escape", "header", "lines", "spill")

    def __init__(self, header: bytes, lines: bytes, spill: Callable[[bytes], None]) -> None:
        self.header = header
        self.lines = lines
        self.spill = spill
        self.at = 0
        self.escape: bool | None = None  # whether it has control characters, once that is known


class SyslogSocket:
    """``path``: of the socket; ``on_lost``: called with the reason when it accepts nothing any more; ``on_back``: when
    it does again.

    Not connected before :meth:`connect`. ``dropped``: lines that were too long for the daemon even when cut.
    """

    def __init__(
        self, loop: Loop, path: str, *, on_lost: Callable[[OSError], None], on_back: Callable[[], None]
    ) -> None:
        self._loop: Loop | None = loop
        self._path = path
        self._on_lost = on_lost
        self._on_back = on_back
        self._socket: socket.socket | None = None
        self._stream = False
        self._part = b""  # the rest of a record whose beginning a stream has accepted
        self._inode = _NO_INODE
        self._queue: deque[_Block] = deque()
        self._size = 0
        self._watched = False
        self._timer: Timer | None = None
        self._sent = 0
        self._sent_before = -1
        self.dropped = 0

    @property
    def connected(self) -> bool:
        """Whether the daemon accepted the last record."""
        return self._socket is not None

    @property
    def busy(self) -> bool:
        """Whether lines are pending."""
        return bool(self._queue)

    def connect(self) -> None:
        """Connect to the socket. Raises OSError."""
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
        self._inode = self._current_inode()

    def _current_inode(self) -> tuple[int, int]:
        try:
            found = os.stat(self._path)
        except OSError:
            return _NO_INODE
        return (found.st_dev, found.st_ino)

    def expect(self) -> None:
        """Try to connect at intervals."""
        self._check_later()

    def put(self, header: bytes, lines: bytes, spill: Callable[[bytes], None]) -> bool:
        """Send ``lines``, each with its line end, now or later; False when the queue is full.

        ``spill`` is called with the lines that cannot be sent after all.
        """
        size = len(lines) + _OVERHEAD
        if self._size + size > QUEUE and self._queue:
            return False
        self._queue.append(_Block(header, lines, spill))
        self._size += size
        if len(self._queue) == 1:
            self.flush()
        return True

    def spill_all(self) -> None:
        """Give all pending lines back to their senders."""
        queue, self._queue, self._size, self._part = self._queue, deque(), 0, b""
        for block in queue:
            block.spill(block.lines[block.at :])
        self._stop_watching()

    def flush(self) -> None:
        """Send pending lines, up to one batch, as long as the socket accepts them."""
        again = True
        while self._socket is not None:
            try:
                self._send(self._socket)
            except BlockingIOError:
                pass
            except OSError as error:
                if error.errno in (errno.ENOBUFS, errno.ENOMEM):
                    self._stop_watching()
                    self._check_later(_MEMORY_RETRY)
                    return
                self._disconnect()
                if again and self._reconnect():
                    again = False
                    continue
                self._lose(error)
                return
            if self._queue:
                self._await_writable(self._socket)
            else:
                self._stop_watching()
            return

    def _send(self, to: socket.socket) -> None:
        left = BATCH
        while self._queue:
            block = self._queue[0]
            lines, header = block.lines, block.header
            if block.escape is None:
                block.escape = not is_printable(lines)
            at = block.at
            try:
                while at < len(lines):
                    if not left:
                        return
                    end = lines.find(b"\n", at)
                    line = lines[at:end]
                    if end - at > LONGEST:
                        line = line[:LONGEST] + CUT
                    if block.escape:
                        line = escape_controls(line)
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
            self._size -= len(lines) + _OVERHEAD
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

    def _await_writable(self, to: socket.socket) -> None:
        if not self._watched and self._loop is not None:
            self._watched = True
            self._loop.watch_writable(to.fileno(), self.flush)
        if self._timer is None:
            self._sent_before = self._sent
            self._check_later()

    def _stop_watching(self) -> None:
        if self._watched and self._socket is not None and self._loop is not None:
            self._loop.forget_writer(self._socket.fileno())
        self._watched = False

    def _check_later(self, seconds: float = _RETRY) -> None:
        if self._loop is not None and self._timer is None:
            self._timer = self._loop.after(seconds, self._check)

    def _check(self) -> None:
        """Check whether the connected socket is still the one at the path, or whether there is a socket again."""
        self._timer = None
        if self._socket is None:
            if self._reconnect():
                self._on_back()
                self.flush()
            else:
                self._check_later()
        elif self._queue:
            stuck = self._sent == self._sent_before
            if stuck and self._current_inode() not in (self._inode, _NO_INODE):
                self._disconnect()
                if not self._reconnect():
                    self._lose(ConnectionRefusedError(errno.ECONNREFUSED, ""))
                    return
            self.flush()

    def _lose(self, error: OSError) -> None:
        self._check_later()
        self._on_lost(error)

    def _reconnect(self) -> bool:
        try:
            self.connect()
        except OSError:
            return False
        return True

    def _disconnect(self) -> None:
        self._stop_watching()
        if self._socket is not None:
            self._socket.close()
        self._socket, self._part = None, b""

    def leave_loop(self) -> None:
        """Make no more calls, except from :meth:`put` and :meth:`finish`."""
        self._stop_watching()
        if self._timer is not None:
            self._timer.cancel()
        self._loop = self._timer = None

    def descriptor(self) -> int | None:
        """The descriptor to poll for POLLOUT while lines are pending."""
        return self._socket.fileno() if self._socket is not None and self._queue else None

    def finish(self, latest: float) -> None:
        """Send what is pending, at most until ``latest`` (monotonic); the rest goes back to its senders.

        A daemon that accepts nothing at all gets half a second.
        """
        import select

        while self._queue and self._socket is not None and (left := latest - time.monotonic()) > 0:
            poll = select.poll()
            poll.register(self._socket.fileno(), select.POLLOUT)
            if not poll.poll(min(left, _LAST_WAIT) * 1000):
                break
            self.flush()
        self.spill_all()

    def close(self) -> None:
        """Close the socket; pending lines are discarded."""
        self.leave_loop()
        self._disconnect()
        self._queue, self._size = deque(), 0
