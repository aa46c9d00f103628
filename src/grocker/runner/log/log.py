"""The log of ``start`` and ``cron``: stdout, stderr, and the host's syslog where there is one. Contract: V4, K4.

Services and jobs write into pipes whose other ends are in the loop. Bytes go on to stdout and stderr as they came,
lines to syslog. A slow reader of stdout slows the writers, as if they wrote there themselves; for syslog nobody waits.
"""

from __future__ import annotations

import errno
import os
import time

from ..base import failure
from ..base.failure import CONFIGURATION, Failure
from ..base.value import TYPE_CHECKING
from ..status.values import LogStatus
from . import syslog_record
from .channel import Channel
from .standard_output import StandardOutput
from .tail import Tail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..process.loop import Loop
    from .syslog_socket import SyslogSocket

SOCKET = "/dev/log"
READER = 0.25  # of the stop time, which a reader of stdout has before nobody waits for it any more
BOTH, SYSLOG, STDOUT = "both", "syslog", "stdout"
_PATIENCE = 5.0  # seconds that what is for syslog alone waits for the socket to come back
_QUIET = 3.0  # seconds without a loss, after which it is said how many there were
_LAST_WORDS = 0.1  # seconds that a message at the very end may take
_OWN = "grocker"


class Log:
    """A resource. While it is open, what the runner says itself is logged too.

    ``loop``: entered already; ``source``: the service's name, or ``cron``; ``environ``: with GROCKER_LOG and
    GROCKER_SYSLOG. Raises Failure (78).
    """

    def __init__(self, loop: Loop, application: str, source: str, environ: Mapping[str, str]) -> None:
        self._mode = environ.get("GROCKER_LOG") or BOTH
        if self._mode not in (BOTH, SYSLOG, STDOUT):
            raise Failure(CONFIGURATION, f"GROCKER_LOG: {self._mode!r}: it is one of {BOTH}, {SYSLOG}, {STDOUT}")
        self.loop = loop
        self._application, self._source = application, source
        self._facility = syslog_record.CRON if source == "cron" else syslog_record.LOCAL6
        self._tag = syslog_record.tag(application, source)
        self._outputs = (StandardOutput(loop, 1), StandardOutput(loop, 2))
        self._channels: list[Channel] = []
        self._tail = Tail()
        self._lines = 0
        self._second, self._stamp = -1, b""
        self._dropped = 0  # of syslog
        self._said = 0  # of these, when that was said last
        self._lossy = self._given_up = self._drained = False
        self._syslog: SyslogSocket | None = None
        earlier = failure.listen(self.say)
        if self._mode != STDOUT:
            self._open(environ.get("GROCKER_SYSLOG") or SOCKET, expected=bool(environ.get("GROCKER_SYSLOG")))
        for text, warning in earlier:
            self._own(text, warning, on_stderr=False)

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, path: str, *, expected: bool) -> None:
        """``expected``: the operator named the socket, so it is waited for."""
        if not expected and not os.path.lexists(path):
            return
        from .syslog_socket import SyslogSocket

        syslog = SyslogSocket(self.loop, path, lost=self._lost, back=self._back)
        self._path = path
        try:
            syslog.connect()
        except OSError as error:
            if os.path.isdir(path):
                why = "a directory, not a socket: an engine makes one when what is mounted there does not exist"
            elif os.path.isfile(path):
                why = "a file, not a socket"
            elif error.errno in (errno.EACCES, errno.EPERM):
                why = f"not writable for uid {os.getuid()}"
            elif error.errno in (errno.ECONNREFUSED, errno.EAGAIN) or (expected and error.errno == errno.ENOENT):
                self._syslog = syslog
                self._lost(error)
                syslog.expect()
                return
            elif error.errno == errno.ENOENT:
                return
            else:
                why = failure.reason(error)
            failure.warn(f"syslog: {path}: {why}: the log goes to stdout and stderr alone")
            return
        self._syslog = syslog

    def channel(self, process_name: str, *, error: bool, access: bool = False) -> Channel:
        """A pipe for what a process of the service says: on stderr if ``error``; its access log if ``access``."""
        facility = syslog_record.LOCAL7 if access else self._facility
        severity = syslog_record.ERROR if error else syslog_record.INFO
        name = f"{process_name} access" if access else process_name
        made = Channel(self.loop, name, facility, severity, self._outputs[error], self._pass_on)
        self._channels.append(made)
        return made

    def _pass_on(self, channel: Channel, data: bytes, lines: bytes) -> None:
        self._lines += lines.count(b"\n")
        self._tail.add(channel.name, lines)
        if data and (self._syslog is None or self._mode == BOTH):
            channel.output.write(data)
        if lines and self._syslog is not None:
            header = syslog_record.header(channel.facility, channel.severity, self._now(), self._tag, channel.pid)
            self._send(header, lines, channel.output.write)

    def job(self, job: str, pid: int, error: bool, lines: Sequence[bytes]) -> None:
        """Lines of a job, or about it; ``pid``: 0 for none."""
        self._lines += len(lines)
        data = b"\n".join(lines) + b"\n"
        self._tail.add(job, data)
        name = f"{job}[{pid}]: ".encode() if pid else f"{job}: ".encode()

        def out(data: bytes) -> None:
            self._outputs[error].write(b"".join(name + line + b"\n" for line in data[:-1].split(b"\n")))

        if self._syslog is None or self._mode == BOTH:
            out(data)
        if self._syslog is not None:
            severity = syslog_record.ERROR if error else syslog_record.INFO
            tag = syslog_record.tag(self._application, self._source, job)
            self._send(syslog_record.header(self._facility, severity, self._now(), tag, pid), data, out)

    def say(self, text: str, warning: bool) -> None:
        """The runner's own: ``grocker: TEXT`` on stderr."""
        self._own(text, warning, on_stderr=True)
        if self._drained:
            self._finish(time.monotonic() + _LAST_WORDS)

    def _own(self, text: str, warning: bool, *, on_stderr: bool) -> None:
        data = text.encode("utf-8", "backslashreplace") + b"\n"
        self._lines += 1
        self._tail.add(_OWN, data)

        def out(data: bytes) -> None:
            if on_stderr:
                self._outputs[1].write((b"grocker: warning: " if warning else b"grocker: ") + data)

        if self._syslog is None or self._mode == BOTH:
            out(data)
        if self._syslog is not None:
            severity = syslog_record.WARNING if warning else syslog_record.NOTICE
            tag = syslog_record.tag(self._application, _OWN)
            self._send(syslog_record.header(self._facility, severity, self._now(), tag, os.getpid()), data, out)

    def full(self, error: bool, resume: Callable[[], None]) -> bool:
        """Whether who feeds stdout, or stderr, should pause; ``resume`` is called once, then, when it may go on."""
        if self._outputs[error].full:
            self._outputs[error].when_room(resume)
            return True
        return False

    def let_go(self) -> None:
        """What nobody takes of stdout and stderr is dropped from now on: who is stuck in writing there can end."""
        for output in self._outputs:
            output.let_go()

    def status(self) -> LogStatus:
        """For the metrics and the page."""
        out, err = self._outputs
        if self._syslog is None:
            return LogStatus(lines=self._lines, dropped=(("stdout", out.dropped), ("stderr", err.dropped)))
        return LogStatus(
            lines=self._lines,
            dropped=(("syslog", self._lost_lines), ("stdout", out.dropped), ("stderr", err.dropped)),
            syslog=self._syslog.connected,
        )

    def tail(self, process_or_job_name: str | None) -> Sequence[str]:
        """The last lines of a process or job; of its access log by ``NAME access``; of the runner itself for None."""
        return self._tail.lines(_OWN if process_or_job_name is None else process_or_job_name)

    def drain(self, seconds: float) -> None:
        """At the end, when nothing is started any more: passes on what is in the pipes, waiting for at most so long.

        A pipe may be held open by processes that were left behind: their end is not waited for. What the runner says
        afterwards is still logged.
        """
        latest = time.monotonic() + seconds
        self._leave_loop()
        for channel in self._channels:
            while True:
                channel.take_all()
                if not channel.output.full or time.monotonic() >= latest:
                    break
                channel.output.flush_until(latest)
            channel.end()
        self._finish(latest)

    def _finish(self, latest: float) -> None:
        if self._syslog is not None:
            self._syslog.finish(latest)
        for output in self._outputs:
            output.finish(max(latest, time.monotonic() + _LAST_WORDS))

    def close(self) -> None:
        """What the runner says goes to stderr again; the channels are closed."""
        self._leave_loop()
        self._finish(time.monotonic() + _LAST_WORDS)
        failure.listen(None)
        for channel in self._channels:
            channel.close()
        self._channels = []
        if self._syslog is not None:
            self._syslog.close()
        for output in self._outputs:
            output.close()

    def _leave_loop(self) -> None:
        if not self._drained:
            self._drained = True
            for channel in self._channels:
                channel.leave_loop()
            for output in self._outputs:
                output.leave_loop()
            if self._syslog is not None:
                self._syslog.leave_loop()

    def _now(self) -> bytes:
        now = time.time()
        if int(now) != self._second:
            self._second, self._stamp = int(now), syslog_record.stamp(now)
        return self._stamp

    def _send(self, header: bytes, lines: bytes, out: Callable[[bytes], None]) -> None:
        """To syslog; what cannot be is counted, and where it was for syslog alone it goes ``out``."""
        assert self._syslog is not None

        def spill(rest: bytes) -> None:
            self._dropped += rest.count(b"\n")
            if self._mode == SYSLOG:
                out(rest)

        if self._given_up or not self._syslog.put(header, lines, spill):
            spill(lines)
            if self._syslog.connected:
                self._loses()

    @property
    def _lost_lines(self) -> int:
        return self._dropped + (self._syslog.dropped if self._syslog is not None else 0)

    def _loses(self) -> None:
        """Records come faster than the socket takes them."""
        if not self._lossy:
            self._lossy = True
            failure.warn(f"syslog: {self._path} does not take records as fast as they come: those left out are counted")
            self._look_later()

    def _look_later(self) -> None:
        before = self._lost_lines

        def look() -> None:
            if self._lost_lines != before or (self._syslog is not None and self._syslog.busy):
                self._look_later()
            else:
                self._lossy = False
                self._tell()

        if not self._drained:
            self.loop.after(_QUIET, look)

    def _tell(self) -> None:
        number, self._said = self._lost_lines - self._said, self._lost_lines
        failure.say(f"syslog: {self._path} takes records again, {number or 'no'} lines were left out")

    def _lost(self, error: OSError) -> None:
        if self._drained:
            return
        if self._mode == SYSLOG:
            self.loop.after(_PATIENCE, self._give_up)
        failure.warn(
            f"syslog: {self._path}: {failure.reason(error)}: looked for each second; a file mounted by itself is back "
            "with a restart of the container only, one in a mounted directory (GROCKER_SYSLOG=PATH) without"
        )

    def _give_up(self) -> None:
        if self._syslog is not None and not self._syslog.connected:
            self._given_up = True
            self._syslog.take_back()

    def _back(self) -> None:
        self._given_up = False
        self._tell()
