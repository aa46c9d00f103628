"""The pipe between a service's process and the log. Contract: V4."""

from __future__ import annotations

import fcntl
import os
import time

from ..base.value import TYPE_CHECKING
from .lines import BlockSplitter

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..process.loop import Loop, Timer
    from .standard_output import StandardOutput

_LINE_REST = 0.01  # seconds to wait for the rest of a line, which may be a prompt
_BUSY_LINE_REST = 1.0  # seconds, after much: its writer waited for room in the pipe, and for the processor now
_BLOCK = 128 << 10  # bytes read at once
_DELAY = 0.001  # seconds between reads of busy writers, doubled up to _LONGEST_DELAY while lines keep coming
_LONGEST_DELAY = 0.008
_MUCH = 32 << 10  # bytes in one read, after which the next read is not delayed
_SET_PIPE_SIZE, _GET_PIPE_SIZE = 1031, 1032  # fcntl(2); the module has them from 3.10 on
_PIPE = 256 << 10  # bytes; a user's pipes on a host may have 64 MiB together (pipe-user-pages-soft)


class Channel:
    """One pipe. ``descriptor``: the end for the process; it stays open for the next process.

    ``facility`` and ``severity``: of its lines; ``output``: where its bytes go, which slows it down when full;
    ``on_output``: called with the bytes read and with the lines they complete, with line ends; either may be empty.
    """

    def __init__(
        self,
        loop: Loop,
        name: str,
        facility: int,
        severity: int,
        output: StandardOutput,
        on_output: Callable[[Channel, bytes, bytes], None],
    ) -> None:
        self.name = name
        self.facility, self.severity = facility, severity
        self.output = output
        self._loop = loop
        self._on_output = on_output
        self._lines = BlockSplitter()
        self._partial = b""  # the beginning of a line, not passed on yet
        self._timer: Timer | None = None
        self._delay = _DELAY
        self._pid = 0
        self._last_read = 0.0  # monotonic
        self._reader, self.descriptor = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._reader, False)
        try:
            fcntl.fcntl(self._reader, _SET_PIPE_SIZE, _PIPE)
        except OSError:
            pass  # over the user's limit
        loop.watch(self._reader, self._readable)

    @property
    def pid(self) -> int:
        """The process that writes, 0 for none; set between its start and the loop's next turn."""
        return self._pid

    @pid.setter
    def pid(self, pid: int) -> None:
        if pid != self._pid:
            self.end()  # does not read the pipe: the new process may have written already
            self._pid = pid

    def take(self, *, rest: bool = True) -> int:
        """Pass a block on; return its length. When there is none, pass on the beginning of a line, if ``rest``."""
        try:
            data = os.read(self._reader, _BLOCK)
        except BlockingIOError:
            if not rest:
                return 0
            data = b""
        taken = len(data)
        if self._partial:
            data, self._partial = self._partial + data, b""
        if taken and not data.endswith(b"\n") and (end := data.rfind(b"\n") + 1):
            # Most likely the pipe was full in the middle of a line: keep other processes' output out of it.
            data, self._partial = data[:end], data[end:]
            self._expect_rest(_LINE_REST if taken < _MUCH else _BUSY_LINE_REST)
        if data:
            self._on_output(self, data, self._lines.take(data))
        return taken

    def take_all(self) -> None:
        """Pass on what is in the pipe now, while the output has room; what is written meanwhile may stay."""
        left = fcntl.fcntl(self._reader, _GET_PIPE_SIZE)
        while left > 0 and not self.output.full and (taken := self.take()):
            left -= taken

    def end(self) -> None:
        """Pass on the last line, if it has no line end."""
        data, self._partial = self._partial, b""
        lines = (self._lines.take(data) if data else b"") + self._lines.end()
        if data or lines:
            self._on_output(self, data, lines)

    def leave_loop(self) -> None:
        """Read only in :meth:`take` from now on."""
        self._loop.forget_reader(self._reader)

    def close(self) -> None:
        """Close both ends."""
        self._partial = b""
        os.close(self._reader)
        os.close(self.descriptor)

    def _expect_rest(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.after(seconds, self._take_rest)

    def _take_rest(self) -> None:
        if self._partial and not self.output.full:
            self.take()

    def _readable(self) -> None:
        now = time.monotonic()
        taken = self.take()
        if self.output.full:
            self._loop.forget_reader(self._reader)
            self.output.when_writable(self._resume)
        elif now - self._last_read < _DELAY and taken < _MUCH:
            # Many small writes: reading several at once leaves the processor to the writer.
            self._loop.forget_reader(self._reader)
            self._delay = _DELAY
            self._loop.after(self._delay, self._wake)
        self._last_read = now

    def _wake(self) -> None:
        """Read after a delay; where lines keep coming, delay longer."""
        taken = self.take(rest=False)
        if self.output.full:
            self.output.when_writable(self._resume)
        elif 0 < taken < _MUCH:
            self._delay = min(2 * self._delay, _LONGEST_DELAY)
            self._loop.after(self._delay, self._wake)
        else:
            self._resume()

    def _resume(self) -> None:
        self._loop.watch(self._reader, self._readable)
        if self._partial:
            self._expect_rest(_BUSY_LINE_REST)
