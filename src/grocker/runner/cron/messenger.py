"""Heartbeats and mails, sent by a process of their own: an address that hangs delays no job. Contract: K3, K4.

That process is started for the first message and ends when there has been none for a while: what it loads (ssl, email)
would double the memory of the scheduler. It reads a line of JSON for each message (an address may be a secret, and has
no place on a command line) and answers each with a line: empty, or what went wrong.
"""

from __future__ import annotations

import os
import sys

from ..base.c_modules import signal
from ..base.failure import CONFIGURATION, Failure, reason, warn
from ..base.value import TYPE_CHECKING, Value
from ..log.lines import Lines
from ..process.child import send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..process.loop import Loop, Moment
    from .job import Job

_IDLE = 20.0  # seconds
_MOST = 1000  # messages that wait
SECURITIES = ("auto", "starttls", "tls", "off")


class MailServer(Value):
    """Where mails are handed in. ``security``: ``auto`` for STARTTLS if the server has it; ``password``: or None."""

    host: str
    port: int
    security: str
    user: str
    password: str | None
    sender: str


def mail_server(environ: Mapping[str, str]) -> MailServer | None:
    """As ``GROCKER_SMTP_HOST``, ``_PORT``, ``_SECURITY``, ``_USER``, ``_PASSWORD[_FILE]``, ``_FROM`` say.

    None when no host is set: no mails. Raises Failure (78).
    """
    host = environ.get("GROCKER_SMTP_HOST", "")
    if not host:
        return None
    security = environ.get("GROCKER_SMTP_SECURITY") or "auto"
    if security not in SECURITIES:
        raise Failure(CONFIGURATION, f"GROCKER_SMTP_SECURITY={security}: one of {', '.join(SECURITIES)}")
    port = environ.get("GROCKER_SMTP_PORT") or ("465" if security == "tls" else "25")
    if not port.isascii() or not port.isdigit() or not 0 < int(port[:9]) < 65536:
        raise Failure(CONFIGURATION, f"GROCKER_SMTP_PORT={port}: a number from 1 to 65535")
    return MailServer(
        host=host,
        port=int(port),
        security=security,
        user=environ.get("GROCKER_SMTP_USER", ""),
        password=_password(environ),
        sender=environ.get("GROCKER_SMTP_FROM", ""),
    )


def _password(environ: Mapping[str, str]) -> str | None:
    path = environ.get("GROCKER_SMTP_PASSWORD_FILE")
    if not path:
        return environ.get("GROCKER_SMTP_PASSWORD")
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(4096).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else "not UTF-8"
        raise Failure(CONFIGURATION, f"GROCKER_SMTP_PASSWORD_FILE={path}: {why}") from None


class Messenger:
    """Our end. ``application``: for the mails' subject; ``environ``: of the process (proxies, certificates)."""

    def __init__(self, loop: Loop, server: MailServer | None, environ: Mapping[str, str], *, application: str) -> None:
        self.mails = server is not None
        self._loop = loop
        self._server = server
        self._environ = environ
        self._application = application
        self._pid = 0
        self._stdin = self._stdout = -1
        self._lines = Lines()
        self._waiting = 0
        self._rest = b""  # what the process has not taken yet
        self._idle: Moment | None = None

    @property
    def busy(self) -> bool:
        """Whether messages have not been answered."""
        return self._waiting > 0

    def heartbeat(self, job: str, address: str) -> None:
        """Asks for ``address``."""
        self._send({"kind": "heartbeat", "job": job, "address": address})

    def mail(self, job: Job, to: str, sender: str, output: bytes) -> None:
        """Tells that a run has failed."""
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
            warn(f"cron: {message['kind']} of {message['job']} left out: {_MOST} are waiting")
            return
        if not self._pid and not self._start():
            return
        self._waiting += 1
        self._rest += json.dumps(message).encode() + b"\n"
        self._feed()

    def _feed(self) -> None:
        """What the pipe takes; the rest with the next answer, which makes room."""
        try:
            while self._rest:
                self._rest = self._rest[os.write(self._stdin, self._rest) :]
        except BlockingIOError:
            self._loop.after(0.1, self._feed)
        except OSError:
            self._rest = b""  # it has ended, which is told elsewhere

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
            warn(f"cron: heartbeats and mails cannot be sent: {reason(error)}")
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
                self._idle.call_off()
            self._idle = self._loop.after(_IDLE, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self._pid and self._waiting == 0 and self._stdin >= 0:
            self._loop.forget(self._stdout)
            os.close(self._stdin)
            os.close(self._stdout)
            self._pid, self._stdin = 0, -1

    def _closed(self) -> None:
        """It has ended though nobody asked it to."""
        if self._waiting:
            warn(f"cron: {self._waiting} heartbeats or mails lost: the process that sends them was killed")
        self._loop.forget(self._stdout)
        os.close(self._stdin)
        os.close(self._stdout)
        self._lines = Lines()
        self._pid, self._stdin, self._waiting, self._rest = 0, -1, 0, b""

    def stop(self) -> None:
        """The container ends: nothing is waited for any more."""
        if self._waiting:
            warn(f"cron: {self._waiting} heartbeats or mails not sent: the container stops")
        if self._pid:
            send(signal.SIGKILL, self._pid)
            self._waiting = 0
            self._close_if_idle()
