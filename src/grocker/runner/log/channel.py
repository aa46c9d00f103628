"""The pipe between a process of a service and the log. Contract: V4."""

from __future__ import annotations

import fcntl
import os
import time

from ..base.value import TYPE_CHECKING
from .lines import Blocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..process.loop import Loop, Moment
    from .standard_output import StandardOutput

_AT_ONCE = 0.01  # seconds
_BLOCK = 128 << 10  # bytes read in one turn
_NAP = 0.001  # seconds; each that brought lines is followed by one twice as long, up to…
_LONGEST_NAP = 0.008
_MUCH = 32 << 10  # bytes, of what the pipe holds; then it is read without a nap
_PIPE = 256 << 10  # bytes; of all its pipes a user has 64 MiB on a host (pipe-user-pages-soft)


class Channel:
    """``descriptor``: the end to give to the process; it stays open, for the next one, so the pipe has no end.

    ``facility`` and ``severity``: of its lines; ``output``: where its bytes go, which slows it; ``passes``: called with
    what was read and with the whole lines that came about, each with its end; either may be empty.
    """

    def __init__(
        self,
        loop: Loop,
        name: str,
        facility: int,
        severity: int,
        output: StandardOutput,
        passes: Callable[[Channel, bytes, bytes], None],
    ) -> None:
        self.name = name
        self.facility, self.severity = facility, severity
        self.output = output
        self._loop = loop
        self._passes = passes
        self._lines = Blocks()
        self._begun = b""  # of a line, read but not passed on
        self._moment: Moment | None = None
        self._nap = _NAP
        self._pid = 0
        self._read = 0.0  # when, monotonic
        self._reader, self.descriptor = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._reader, False)
        try:
            fcntl.fcntl(self._reader, fcntl.F_SETPIPE_SZ, _PIPE)
        except OSError:
            pass  # the user has too many already
        loop.watch(self._reader, self._readable)

    @property
    def pid(self) -> int:
        """The process that the lines are from, 0 for none; set between its start and the loop's next turn."""
        return self._pid

    @pid.setter
    def pid(self, pid: int) -> None:
        if pid != self._pid:
            self.end()  # the pipe is not read: the new process may have written already
            self._pid = pid

    def take(self, *, rest: bool = True) -> int:
        """Passes a block on; its length, 0 when there is none: then a line that has begun goes, too, if ``rest``."""
        try:
            data = os.read(self._reader, _BLOCK)
        except BlockingIOError:
            if not rest:
                return 0
            data = b""
        taken = len(data)
        if self._begun:
            data, self._begun = self._begun + data, b""
        if taken and not data.endswith(b"\n") and (end := data.rfind(b"\n") + 1):
            # The pipe was full in the middle of a line, most likely: nothing of others shall come into it.
            data, self._begun = data[:end], data[end:]
            self._expect_rest()
        if data:
            self._passes(self, data, self._lines.take(data))
        return taken

    def take_all(self) -> None:
        """What is in the pipe now and there is room for; what is written meanwhile may be left."""
        left = fcntl.fcntl(self._reader, fcntl.F_GETPIPE_SZ)
        while left > 0 and not self.output.full and (taken := self.take()):
            left -= taken

    def end(self) -> None:
        """The last line, if nothing ended it."""
        data, self._begun = self._begun, b""
        lines = (self._lines.take(data) if data else b"") + self._lines.end()
        if data or lines:
            self._passes(self, data, lines)

    def leave_loop(self) -> None:
        """It is read by :meth:`take` alone."""
        self._loop.forget_reader(self._reader)

    def close(self) -> None:
        """Both ends."""
        self._begun = b""
        os.close(self._reader)
        os.close(self.descriptor)

    def _expect_rest(self) -> None:
        if self._moment is not None:
            self._moment.call_off()
        self._moment = self._loop.after(_AT_ONCE, self._go_on)

    def _go_on(self) -> None:
        if self._begun and not self.output.full:
            self.take()

    def _readable(self) -> None:
        now = time.monotonic()
        taken = self.take()
        if self.output.full:
            self._loop.forget_reader(self._reader)
            self.output.when_room(self._resume)
        elif now - self._read < _NAP and taken < _MUCH:
            # Line upon line: taking several at once leaves the processor to who writes them.
            self._loop.forget_reader(self._reader)
            self._nap = _NAP
            self._loop.after(self._nap, self._wake)
        self._read = now

    def _wake(self) -> None:
        """Where lines came during a nap, more are to come."""
        taken = self.take(rest=False)
        if self.output.full:
            self.output.when_room(self._resume)
        elif 0 < taken < _MUCH:
            self._nap = min(2 * self._nap, _LONGEST_NAP)
            self._loop.after(self._nap, self._wake)
        else:
            self._resume()

    def _resume(self) -> None:
        self._loop.watch(self._reader, self._readable)
        if self._begun:
            self._expect_rest()
