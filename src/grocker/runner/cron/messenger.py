"""Passes heartbeats and mails to a process that sends them, so that a slow server delays no job. Contract: K3, K4.

The process starts with the first message and ends after a while without any: its modules (ssl, email) would double the
scheduler's memory. It reads one line of JSON for each message, as a URL may be a secret and must not be on a command
line, and answers each with one line: empty, or the error.
"""

from __future__ import annotations

import os
import sys

from ..base.c_modules import signal
from ..base.failure import CONFIGURATION, Failure, reason, warn
from ..base.value import TYPE_CHECKING, Value
from ..contract import names
from ..log.lines import LineSplitter
from ..process.signals import signal_process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..process.loop import Loop, Timer
    from .job import Job

_IDLE = 20.0  # seconds
_MOST = 1000  # waiting messages
SECURITIES = ("auto", "starttls", "tls", "off")


class MailServer(Value):
    """The server for outgoing mail. ``security``: with ``auto``, STARTTLS is used if the server offers it."""

    host: str
    port: int
    security: str
    user: str
    password: str | None
    sender: str


def read_mail_server(environ: Mapping[str, str]) -> MailServer | None:
    """Read ``GROCKER_SMTP_HOST``, ``_PORT``, ``_SECURITY``, ``_USER``, ``_PASSWORD[_FILE]`` and ``_FROM``.

    Returns None, for no mail, when no host is set. Raises Failure (78).
    """
    host = environ.get(names.GROCKER_SMTP_HOST, "")
    if not host:
        return None
    security = environ.get(names.GROCKER_SMTP_SECURITY) or "auto"
    if security not in SECURITIES:
        raise Failure(
            CONFIGURATION, f"{names.GROCKER_SMTP_SECURITY}={security}: expected one of {', '.join(SECURITIES)}"
        )
    port = environ.get(names.GROCKER_SMTP_PORT) or ("465" if security == "tls" else "25")
    if not port.isascii() or not port.isdigit() or len(port) > 9 or not 0 < int(port) < 65536:
        raise Failure(CONFIGURATION, f"{names.GROCKER_SMTP_PORT}={port}: expected a number from 1 to 65535")
    return MailServer(
        host=host,
        port=int(port),
        security=security,
        user=environ.get(names.GROCKER_SMTP_USER, ""),
        password=_password(environ),
        sender=environ.get(names.GROCKER_SMTP_FROM, ""),
    )


def _password(environ: Mapping[str, str]) -> str | None:
    path = environ.get(names.GROCKER_SMTP_PASSWORD_FILE)
    if not path:
        return environ.get(names.GROCKER_SMTP_PASSWORD)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(4096).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else "not UTF-8"
        raise Failure(CONFIGURATION, f"{names.GROCKER_SMTP_PASSWORD_FILE}={path}: {why}") from None


class Messenger:
    """The scheduler's end. ``application``: for the subject of mails; ``environ``: of the process."""

    def __init__(self, loop: Loop, server: MailServer | None, environ: Mapping[str, str], *, application: str) -> None:
        self.mails = server is not None
        self._loop = loop
        self._server = server
        self._environ = environ
        self._application = application
        self._pid = 0
        self._stdin = self._stdout = -1
        self._lines = LineSplitter()
        self._waiting = 0
        self._unsent = b""  # not yet in the process's pipe
        self._idle: Timer | None = None

    @property
    def busy(self) -> bool:
        """Whether messages are still unanswered."""
        return self._waiting > 0

    def heartbeat(self, job: str, url: str) -> None:
        """Request ``url``."""
        self._send({"kind": "heartbeat", "job": job, "url": url})

    def mail(self, job: Job, to: str, sender: str, output: bytes) -> None:
        """Report a failed run by mail."""
        assert self._server is not None
        server = self._server
        self._send(
            {
                "kind": "mail",
                "job": job.name,
                "host": server.host,
                "port": server.port,
                "security": server.security,
                "user": server.user,
                "password": server.password,
                "sender": sender or server.sender or f"{self._environ.get('LOGNAME', 'cron')}@{os.uname().nodename}",
                "to": to,
                "subject": f"{self._application}: cron job {job.name} failed",
                "text": f"Job {job.name} of {self._application} failed on {os.uname().nodename}: "
                f"exit status {job.last_status}, attempt {job.attempt + 1}.\n\n" + output.decode("utf-8", "replace"),
            }
        )

    def _send(self, message: Mapping[str, object]) -> None:
        import json

        if self._waiting >= _MOST:
            warn(f"cron: {message['kind']} of {message['job']} dropped: {_MOST} messages are waiting")
            return
        if not self._pid and not self._start():
            return
        self._waiting += 1
        self._unsent += json.dumps(message).encode() + b"\n"
        self._feed()

    def _feed(self) -> None:
        """Write as much as the pipe takes; the rest later."""
        try:
            while self._unsent:
                self._unsent = self._unsent[os.write(self._stdin, self._unsent) :]
        except BlockingIOError:
            self._loop.after(0.1, self._feed)
        except OSError:
            self._unsent = b""  # the process has ended; its closed stdout reports that

    def _start(self) -> bool:
        package, root = __package__ or "", os.path.abspath(__file__)
        for _ in range(package.count(".") + 2):
            root = os.path.dirname(root)
        code = f"import sys; sys.path.insert(0, {root!r}); from {package}.sender import main; main()"
        stdin, self._stdin = os.pipe()
        self._stdout, stdout = os.pipe()
        try:
            self._pid = os.posix_spawn(
                sys.executable,
                (sys.executable, "-IS", "-c", code),
                self._environ,
                file_actions=((os.POSIX_SPAWN_DUP2, stdin, 0), (os.POSIX_SPAWN_DUP2, stdout, 1)),
                setpgroup=0,
                setsigmask=(),
                setsigdef=(signal.SIGPIPE,),
            )
        except OSError as error:
            warn(f"cron: cannot send heartbeats and mails: {reason(error)}")
            os.close(self._stdin)
            os.close(self._stdout)
            return False
        finally:
            os.close(stdin)
            os.close(stdout)
        os.set_blocking(self._stdin, False)
        os.set_blocking(self._stdout, False)
        self._loop.watch(self._stdout, self._answers)
        return True

    def _answers(self) -> None:
        try:
            data = os.read(self._stdout, 1 << 16)
        except BlockingIOError:
            return
        for line in self._lines.take(data):
            self._waiting -= 1
            if line:
                warn(f"cron: {line.decode('utf-8', 'replace')}")
        if not data:
            self._closed()
        elif self._waiting == 0:
            if self._idle is not None:
                self._idle.cancel()
            self._idle = self._loop.after(_IDLE, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self._pid and self._waiting == 0 and self._stdin >= 0:
            self._loop.forget(self._stdout)
            os.close(self._stdin)
            os.close(self._stdout)
            self._pid, self._stdin = 0, -1

    def _closed(self) -> None:
        """Handle the unexpected end of the process."""
        if self._waiting:
            warn(f"cron: heartbeats and mails lost because the process that sends them has died: {self._waiting}")
        self._loop.forget(self._stdout)
        os.close(self._stdin)
        os.close(self._stdout)
        self._lines = LineSplitter()
        self._pid, self._stdin, self._waiting, self._unsent = 0, -1, 0, b""

    def stop(self) -> None:
        """Kill the process, when the container stops."""
        if self._waiting:
            warn(f"cron: heartbeats and mails not sent because the container is stopping: {self._waiting}")
        if self._pid:
            signal_process(self._pid, signal.SIGKILL)
            self._waiting = 0
            self._close_if_idle()
