"""The status port: a small HTTP/1.1 server on the runner's event loop. Contract: P2, H1–H4.

The number of connections is limited, each has a deadline, and a new client is always accepted: when there are too many,
the connection that has been least active for the longest time is closed.
"""

from __future__ import annotations

import errno
import os
import socket
import time

from ..base.failure import warn
from ..base.value import TYPE_CHECKING
from ..contract import names
from . import routes
from .connection import WRITING, Connection
from .request_head import RequestHead
from .usage import UsageMeter

if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Sequence

    from ..process.loop import Loop, Timer
    from .application_scrape import ApplicationScrape
    from .routes import StatusResponse
    from .usage import Usage
    from .values import Status

MOST = 64  # connections, and no more than an eighth of the descriptors that the container may have
_SHARE = 8
_MOST_PENDING = 6 << 20  # unsent bytes of all responses
_AT_ONCE = 32  # connections accepted in one turn of the loop
_PAUSE = 0.5  # seconds without accepting, when no descriptors are left
_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def most_connections() -> int:
    """Return how many connections leave enough descriptors for services, jobs and their pipes."""
    return max(1, min(MOST, os.sysconf("SC_OPEN_MAX") // _SHARE))


class StatusServer:
    """Answers on ``sockets``, which listen and are taken over, until :meth:`close`.

    ``status``: called for each request, must be quick; ``probed``: instead of it for probes, which do not need
    processes and jobs. ``token``: of :class:`StatusPort`. ``tail``: the last log lines of a process or job, of None for
    the runner. ``scrape_path``: path of the service's own metrics on ``application_port``, or None. ``most``: number of
    connections, None for :func:`most_connections`.

    The loop must be inside its ``with``. It keeps turning while the container stops, so that probes and metrics are
    answered to the end.
    """

    def __init__(
        self,
        loop: Loop,
        sockets: Sequence[_socket.socket],
        status: Callable[[], Status],
        *,
        token: bytes | None = None,
        tail: Callable[[str | None], Sequence[str]] = lambda _: (),
        probed: Callable[[], Status] | None = None,
        scrape_path: str | None = None,
        application_port: int = names.APPLICATION_PORT,
        most: int | None = None,
    ) -> None:
        self._loop = loop
        self._sockets = tuple(socket.socket(fileno=one.detach()) for one in sockets)
        self._meter = UsageMeter()
        self._sources = routes.StatusSources(
            status=status, probed=probed or status, usage=self._usage, tail=tail, token=token
        )
        self._scrape: ApplicationScrape | None = None
        if scrape_path is not None:
            from .application_scrape import ApplicationScrape

            self._scrape = ApplicationScrape(loop, scrape_path, port=application_port)
        self._most = most or most_connections()
        self._has_warned = False
        self._connections: set[Connection] = set()
        self._spare = _open_spare()
        self._alarm: Timer | None = None
        self._alarm_time = 0.0  # when deadlines are checked next, monotonic
        for listener in self._sockets:
            listener.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Close all connections. The loop may keep turning."""
        for listener in self._sockets:
            if listener.fileno() >= 0:
                self._loop.forget(listener.fileno())
                listener.close()
        for connection in list(self._connections):
            connection.close()
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    def _usage(self, status: Status) -> Usage:
        return self._meter.read(process.pid for process in status.processes if process.pid is not None)

    def _listen(self) -> None:
        for listener in self._sockets:
            if listener.fileno() >= 0:
                self._loop.watch(listener.fileno(), self._accepting(listener))

    def _accepting(self, listener: socket.socket) -> Callable[[], None]:
        return lambda: self._accept(listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                client, _ = listener.accept()
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno in _SHORTAGES and not self._make_room() and not self._release_spare():
                    self._pause()
                    break
                continue  # retry; or the client is gone already
            client.setblocking(False)
            if len(self._connections) >= self._most:
                self._make_room()
            connection = Connection(self._loop, client, self)
            self._connections.add(connection)
            try:
                connection.open()
            except OSError:  # epoll_ctl(2): too many watched descriptors
                connection.close()

    def _make_room(self) -> bool:
        if not self._connections:
            return False
        min(self._connections, key=lambda connection: (connection.state, connection.since)).close()
        return True

    def _release_spare(self) -> bool:
        """Use the descriptor that is kept, so that a probe is answered even when no others are left."""
        if self._spare is None:
            return False
        os.close(self._spare)
        self._spare = None
        return True

    def _pause(self) -> None:
        """Leave clients in the kernel's queue for a moment; retrying at once would keep the loop busy."""
        for listener in self._sockets:
            self._loop.forget(listener.fileno())
        self._loop.after(_PAUSE, self._listen)

    def set_deadline(self, deadline: float) -> None:
        """Implement RequestHandler: make sure that deadlines are checked in time.

        A later deadline leaves the alarm unchanged: it is set again when it fires.
        """
        if self._alarm is not None:
            if deadline >= self._alarm_time:
                return
            self._alarm.cancel()
        self._alarm_time = deadline
        self._alarm = self._loop.after(max(0.0, deadline - time.monotonic()), self._check_deadlines)

    def _check_deadlines(self) -> None:
        self._alarm = None
        now = time.monotonic()
        for connection in list(self._connections):
            if connection.deadline <= now:
                connection.close()
        if self._connections:
            self.set_deadline(min(connection.deadline for connection in self._connections))

    def closed(self, connection: Connection) -> None:
        """Implement RequestHandler."""
        self._connections.discard(connection)
        if self._spare is None:
            self._spare = _open_spare()

    def refuse(self, status: int) -> tuple[bytes, ...]:
        """Implement RequestHandler."""
        return _encode(routes.refuse(status), keep=False, body=True)

    def handle(self, connection: Connection, head: RequestHead) -> None:
        """Implement RequestHandler."""
        if self._scrape is not None and routes.is_metrics_request(head, self._sources):
            self._scrape.get(lambda parts: self._respond(connection, head, parts))
        else:
            self._respond(connection, head, ())

    def _respond(self, connection: Connection, head: RequestHead, application: tuple[bytes, ...]) -> None:
        if connection.closed:
            return
        try:
            response = routes.respond(head, self._sources, application)
            data = _encode(response, keep=head.keep, body=head.method != "HEAD")
        except Exception as error:  # noqa: BLE001 - a page that fails must not end the service
            if not self._has_warned:
                warn(f"status port: cannot answer {head.path}: {type(error).__name__}: {error}")
            self._has_warned = True
            data = self.refuse(500)
            head = RequestHead(method=head.method, path=head.path, keep=False)
        connection.respond(data, keep=head.keep)
        if connection.pending:
            self._drop_slow()

    def _drop_slow(self) -> None:
        """Close the oldest slow clients, so that unsent responses do not fill the memory."""
        slow = sorted((one for one in self._connections if one.state == WRITING), key=lambda one: one.since)
        while len(slow) > 1 and sum(one.pending for one in slow) > _MOST_PENDING:
            slow.pop(0).close()


def _open_spare() -> int | None:
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _encode(response: StatusResponse, *, keep: bool, body: bool) -> tuple[bytes, ...]:
    """Encode in parts: the application's metrics are the same for many clients, and are not copied for each."""
    content = response.body.encode("utf-8", "replace")
    fields = [
        ("Date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())),
        ("Content-Type", response.kind),
        ("Content-Length", str(len(content) + sum(len(part) for part in response.more))),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", response.policy),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        *response.fields,
        ("Connection", "keep-alive" if keep else "close"),
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    first = f"HTTP/1.1 {response.status} {routes.REASONS[response.status]}\r\n"
    start = (first + head + "\r\n").encode("ascii", "replace")
    return (start + content, *response.more) if body else (start,)
