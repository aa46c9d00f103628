"""Port 8081: a small HTTP/1.1 server on the runner's loop. Contract: P2, H1–H4.

Whatever clients do, it has a bounded number of connections, each with a deadline, and a new client is always heard:
when there is no room, the connection that has done the least for the longest goes.
"""

from __future__ import annotations

import errno
import os
import socket
import time

from ..base.failure import warn
from ..base.value import TYPE_CHECKING
from . import routes
from .connection import WRITING, Connection
from .request_head import Head
from .usage import Meter
from .values import PORT

if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Sequence

    from ..process.loop import Loop, Moment
    from .application_scrape import Scrape
    from .routes import Response
    from .usage import Usage
    from .values import Status

MOST = 64  # connections, and no more than one for each eighth descriptor that the container may have
_SHARE = 8
_MOST_PENDING = 6 << 20  # bytes that clients have not taken, in all
_AT_ONCE = 32  # accepted in one turn of the loop
_PAUSE = 0.5  # seconds without accepting, when there are no descriptors for it
_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def most_connections() -> int:
    """What clients may take of the descriptors that services, jobs and their pipes need."""
    return max(1, min(MOST, os.sysconf("SC_OPEN_MAX") // _SHARE))


class StatusServer:
    """Answers on ``sockets``, which listen and are taken over, from now until :meth:`close`.

    ``status``: called for each request, must be quick; ``probed``: instead of it for probes, to which processes and
    jobs do not matter. ``token``: of :class:`Port`. ``tail``: the last log lines of a process or job, None for the
    runner's own. ``scrape_path``: where the service on ``application_port`` tells its own metrics, or None. ``most``:
    connections at a time, None for :func:`most_connections`.

    The loop must be inside its ``with``; it goes on being turned while the container stops, so that probes and metrics
    are answered to the end.
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
        application_port: int = 8080,
        most: int | None = None,
    ) -> None:
        self._loop = loop
        self._sockets = tuple(socket.socket(fileno=one.detach()) for one in sockets)
        self._meter = Meter()
        self._knowledge = routes.Knowledge(
            status=status, probed=probed or status, usage=self._usage, tail=tail, token=token
        )
        self._scrape: Scrape | None = None
        if scrape_path is not None:
            from .application_scrape import Scrape

            self._scrape = Scrape(loop, scrape_path, port=application_port)
        self._most = most or most_connections()
        self._complained = False
        self._connections: set[Connection] = set()
        self._spare = _spare()
        self._alarm: Moment | None = None
        self._alarm_time = 0.0  # when deadlines are looked at, monotonic
        for listener in self._sockets:
            listener.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Hangs up. The loop may go on."""
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
                if error.errno in _SHORTAGES and not self._make_room() and not self._spend():
                    self._pause()
                    break
                continue  # or the client is gone already
            client.setblocking(False)
            if len(self._connections) >= self._most:
                self._make_room()
            connection = Connection(self._loop, client, self)
            self._connections.add(connection)
            try:
                connection.open()
            except OSError:  # epoll_ctl(2): no room for another one to watch
                connection.close()

    def _make_room(self) -> bool:
        if not self._connections:
            return False
        min(self._connections, key=lambda connection: (connection.state, connection.since)).close()
        return True

    def _spend(self) -> bool:
        """A probe is answered even when there are no descriptors left: one is kept for it."""
        if self._spare is None:
            return False
        os.close(self._spare)
        self._spare = None
        return True

    def _pause(self) -> None:
        """Clients wait in the kernel's queue; trying again at once would do nothing else."""
        for listener in self._sockets:
            self._loop.forget(listener.fileno())
        self._loop.after(_PAUSE, self._listen)

    def due(self, deadline: float) -> None:
        """Part of the connections' seam: sees to it that deadlines are looked at in time.

        A deadline that moves back leaves the alarm as it is: it is set anew when it comes.
        """
        if self._alarm is not None:
            if deadline >= self._alarm_time:
                return
            self._alarm.call_off()
        self._alarm_time = deadline
        self._alarm = self._loop.after(max(0.0, deadline - time.monotonic()), self._look)

    def _look(self) -> None:
        self._alarm = None
        now = time.monotonic()
        for connection in list(self._connections):
            if connection.deadline <= now:
                connection.close()
        if self._connections:
            self.due(min(connection.deadline for connection in self._connections))

    def gone(self, connection: Connection) -> None:
        """Part of the connections' seam."""
        self._connections.discard(connection)
        if self._spare is None:
            self._spare = _spare()

    def refusal(self, status: int) -> tuple[bytes, ...]:
        """Part of the connections' seam."""
        return _encoded(routes.refusal(status), keep=False, body=True)

    def take(self, connection: Connection, head: Head) -> None:
        """Part of the connections' seam."""
        if self._scrape is not None and routes.tells_metrics(head, self._knowledge):
            self._scrape.get(lambda parts: self._answer(connection, head, parts))
        else:
            self._answer(connection, head, ())

    def _answer(self, connection: Connection, head: Head, application: tuple[bytes, ...]) -> None:
        if connection.closed:
            return
        try:
            response = routes.respond(head, self._knowledge, application)
            data = _encoded(response, keep=head.keep, body=head.method != "HEAD")
        except Exception as error:  # noqa: BLE001 - a page that cannot be made is not to end what it is about
            if not self._complained:
                warn(f"port {PORT}: {head.path} cannot be answered: {type(error).__name__}: {error}")
            self._complained = True
            data = self.refusal(500)
            head = Head(method=head.method, path=head.path, keep=False)
        connection.answer(data, keep=head.keep)
        if connection.pending:
            self._drop_slow()

    def _drop_slow(self) -> None:
        """So that clients who ask for much and take nothing do not fill the memory."""
        slow = sorted((one for one in self._connections if one.state == WRITING), key=lambda one: one.since)
        while len(slow) > 1 and sum(one.pending for one in slow) > _MOST_PENDING:
            slow.pop(0).close()


def _spare() -> int | None:
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _encoded(response: Response, *, keep: bool, body: bool) -> tuple[bytes, ...]:
    """In parts: what the application has told is the same for many, and is not copied for each."""
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
