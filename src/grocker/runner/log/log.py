"""The log of ``start`` and ``cron``: stdout, stderr, and the host's syslog where it is mounted. Contract: V4, K4.

Services and jobs write into pipes that the event loop reads. Bytes go to stdout and stderr unchanged, lines to syslog.
A slow reader of stdout slows the writers down, as if they wrote there themselves; nothing waits for syslog.
"""

from __future__ import annotations

import errno
import os
import time

from ..base import failure
from ..base.failure import CONFIGURATION, Failure
from ..base.value import TYPE_CHECKING, Value
from ..contract import names
from . import syslog_record
from .channel import Channel
from .standard_output import StandardOutput
from .tail import LogTail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..process.loop import Loop
    from .syslog_socket import SyslogSocket

OUTPUT_SHARE = 0.25  # of the stop timeout: how long writers still wait for a slow reader of stdout
BOTH, SYSLOG, STDOUT = "both", "syslog", "stdout"
_LAST_MESSAGE = 0.1  # seconds that a message at the very end may take
_OWN = "grocker"


class SyslogPatience(Value):
    """Seconds. ``outage``: how long lines that go to syslog alone wait for its socket to come back; ``quiet``: how long
    no line may be dropped before the number of dropped lines is logged.
    """

    outage: float = 5.0
    quiet: float = 3.0


class LogStatus(Value):
    """Numbers of lines since the start. ``lines``: logged; ``dropped``: not delivered, by destination (``syslog``,
    ``stdout``, ``stderr``); ``syslog``: whether the socket accepts records now, None when none is used.
    """

    lines: int = 0
    dropped: tuple[tuple[str, int], ...] = ()
    syslog: bool | None = None


class Log:
    """A resource. While it is open, the runner's own messages are logged too.

    ``loop``: already entered; ``source``: the service's name, or ``cron``; ``environ``: with GROCKER_LOG and
    GROCKER_SYSLOG; ``socket``: where to look for syslog unless the operator names a socket. Raises Failure (78).
    """

    def __init__(
        self,
        loop: Loop,
        application: str,
        source: str,
        environ: Mapping[str, str],
        *,
        socket: str = names.SYSLOG_SOCKET,
        patience: SyslogPatience = SyslogPatience(),  # noqa: B008 - frozen
    ) -> None:
        self._mode = environ.get(names.GROCKER_LOG) or BOTH
        if self._mode not in (BOTH, SYSLOG, STDOUT):
            raise Failure(
                CONFIGURATION, f"{names.GROCKER_LOG}: expected one of {BOTH}, {SYSLOG}, {STDOUT}, got {self._mode!r}"
            )
        self.loop = loop
        self._application, self._source = application, source
        self._facility = syslog_record.CRON if source == "cron" else syslog_record.LOCAL6
        self._tag = syslog_record.join_tag(application, source)
        self._patience = patience
        self._outputs = (StandardOutput(loop, 1), StandardOutput(loop, 2))
        self._channels: list[Channel] = []
        self._tail = LogTail()
        self._lines = 0
        self._second, self._stamp = -1, b""
        self._dropped = 0  # lines that syslog did not get
        self._reported = 0  # of these, already reported
        self._is_dropping = self._given_up = self._drained = False
        self._syslog: SyslogSocket | None = None
        early = failure.set_listener(self.log_message)
        if self._mode != STDOUT:
            named = environ.get(names.GROCKER_SYSLOG)
            self._open(named or socket, expected=bool(named))
        for text, warning in early:
            self._own(text, warning, on_stderr=False)

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, path: str, *, expected: bool) -> None:
        """``expected``: whether the operator named the socket, so that the log waits for it."""
        if not expected and not os.path.lexists(path):
            return
        from .syslog_socket import SyslogSocket

        syslog = SyslogSocket(self.loop, path, on_lost=self._lost, on_back=self._back)
        self._path = path
        try:
            syslog.connect()
        except OSError as error:
            if os.path.isdir(path):
                why = "a directory, not a socket; engines create one when the mounted path does not exist on the host"
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
            failure.warn(f"syslog: {path}: {why}; logging to stdout and stderr only")
            return
        self._syslog = syslog

    @property
    def has_syslog(self) -> bool:
        """Whether lines go to syslog, where they have a severity."""
        return self._syslog is not None

    def channel(self, process_name: str, *, error: bool, access: bool = False, severity: int | None = None) -> Channel:
        """Open a pipe for the output of a service's process: stderr if ``error``, the access log if ``access``.

        ``severity``: instead of ERROR for stderr and INFO for stdout.
        """
        facility = syslog_record.LOCAL7 if access else self._facility
        if severity is None:
            severity = syslog_record.ERROR if error else syslog_record.INFO
        name = f"{process_name} access" if access else process_name
        channel = Channel(self.loop, name, facility, severity, self._outputs[error], self._pass_on)
        self._channels.append(channel)
        return channel

    def _pass_on(self, channel: Channel, data: bytes, lines: bytes) -> None:
        self._lines += lines.count(b"\n")
        self._tail.add(channel.name, lines)
        if data and (self._syslog is None or self._mode == BOTH):
            channel.output.write(data)
        if lines and self._syslog is not None:
            header = syslog_record.format_header(
                channel.facility, channel.severity, self._now(), self._tag, channel.pid
            )
            self._send(header, lines, channel.output.write)

    def job(self, job: str, pid: int, error: bool, lines: Sequence[bytes]) -> None:
        """Log lines of a job, or about it; ``pid``: 0 for none."""
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
            tag = syslog_record.join_tag(self._application, self._source, job)
            self._send(syslog_record.format_header(self._facility, severity, self._now(), tag, pid), data, out)

    def log_message(self, text: str, warning: bool) -> None:
        """Log a message of the runner: ``grocker: TEXT`` on stderr."""
        self._own(text, warning, on_stderr=True)
        if self._drained:
            self._finish(time.monotonic() + _LAST_MESSAGE)

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
            tag = syslog_record.join_tag(self._application, _OWN)
            self._send(syslog_record.format_header(self._facility, severity, self._now(), tag, os.getpid()), data, out)

    def full(self, error: bool, resume: Callable[[], None]) -> bool:
        """Whether writers to stdout, or stderr, should pause; ``resume`` is then called once, when they may go on."""
        if self._outputs[error].full:
            self._outputs[error].when_writable(resume)
            return True
        return False

    def discard_pending(self) -> None:
        """Drop what the readers of stdout and stderr do not take, so that processes stuck in writing can end."""
        for output in self._outputs:
            output.discard_pending()

    def status(self) -> LogStatus:
        """Return the numbers for the metrics and the status page."""
        out, err = self._outputs
        if self._syslog is None:
            return LogStatus(lines=self._lines, dropped=(("stdout", out.dropped), ("stderr", err.dropped)))
        return LogStatus(
            lines=self._lines,
            dropped=(("syslog", self._dropped_lines), ("stdout", out.dropped), ("stderr", err.dropped)),
            syslog=self._syslog.connected,
        )

    def tail(self, process_or_job_name: str | None) -> Sequence[str]:
        """Return the last lines of a process or job; ``NAME access`` for its access log, None for the runner itself."""
        return self._tail.lines(_OWN if process_or_job_name is None else process_or_job_name)

    def drain(self, seconds: float) -> None:
        """Pass on what is in the pipes, at the end, when nothing is started any more; blocks for at most ``seconds``.

        Does not wait for processes that were left behind and still hold a pipe open. Later messages of the runner are
        still logged.
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
            output.finish(max(latest, time.monotonic() + _LAST_MESSAGE))

    def close(self) -> None:
        """Close the channels; the runner's messages go to stderr again."""
        self._leave_loop()
        self._finish(time.monotonic() + _LAST_MESSAGE)
        failure.set_listener(None)
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
            self._second, self._stamp = int(now), syslog_record.format_time(now)
        return self._stamp

    def _send(self, header: bytes, lines: bytes, out: Callable[[bytes], None]) -> None:
        """Send to syslog; count what cannot be sent, and write it ``out`` if it was for syslog alone."""
        assert self._syslog is not None

        def spill(rest: bytes) -> None:
            self._dropped += rest.count(b"\n")
            if self._mode == SYSLOG:
                out(rest)

        if self._given_up or not self._syslog.put(header, lines, spill):
            spill(lines)
            if self._syslog.connected:
                self._report_dropping()

    @property
    def _dropped_lines(self) -> int:
        return self._dropped + (self._syslog.dropped if self._syslog is not None else 0)

    def _report_dropping(self) -> None:
        """Warn once that records arrive faster than the socket accepts them."""
        if not self._is_dropping:
            self._is_dropping = True
            failure.warn(f"syslog: {self._path} cannot keep up; dropping lines")
            self._check_later()

    def _check_later(self) -> None:
        before = self._dropped_lines

        def check() -> None:
            if self._dropped_lines != before or (self._syslog is not None and self._syslog.busy):
                self._check_later()
            else:
                self._is_dropping = False
                self._report_back()

        if not self._drained:
            self.loop.after(self._patience.quiet, check)

    def _report_back(self) -> None:
        number, self._reported = self._dropped_lines - self._reported, self._dropped_lines
        failure.say(f"syslog: {self._path} accepts records again, dropped lines: {number}")

    def _lost(self, error: OSError) -> None:
        if self._drained:
            return
        if self._mode == SYSLOG:
            self.loop.after(self._patience.outage, self._give_up)
        failure.warn(
            f"syslog: {self._path}: {failure.reason(error)}; retrying every second (a socket that is mounted as "
            "a file comes "
            f"back only when the container restarts; mount its directory and set {names.GROCKER_SYSLOG}=PATH)"
        )

    def _give_up(self) -> None:
        if self._syslog is not None and not self._syslog.connected:
            self._given_up = True
            self._syslog.spill_all()

    def _back(self) -> None:
        self._given_up = False
        self._report_back()
