"""The ways to find out whether a service is ready. Contract: H1.

Each has the same three methods: ``check`` for probes, ``started`` for starts of the main process, ``close``. None
blocks.
"""

from __future__ import annotations

import os
import time

from ..base.c_modules import socket
from ..base.failure import CANNOT_WRITE, Failure, reason
from ..base.value import TYPE_CHECKING, Value
from ..process.listeners import is_listening
from ..status.values import Check

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..process.loop import Loop

NAME = "ready"
_NOTIFICATION = 4096  # bytes


class PortReadiness:
    """A command is ready when it listens on ``port``; if it never has, when it has run for ``settle`` seconds."""

    def __init__(self, port: int, *, settle: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._port = port
        self._settle = settle
        self._clock = clock
        self._started = clock()
        self._has_listened = False

    def started(self) -> None:
        """Reset: the main process was started."""
        self._started = self._clock()

    def check(self) -> Check:
        """Return the current state."""
        if is_listening(self._port):
            self._has_listened = True
            return Check(name=NAME, passed=True, text=f"listening on port {self._port}")
        if self._has_listened:
            return Check(name=NAME, passed=False, text=f"no longer listening on port {self._port}")
        passed = self._clock() - self._started >= self._settle
        text = f"running for {self._settle:g} s" if passed else f"running for less than {self._settle:g} s"
        return Check(name=NAME, passed=passed, text=f"{text}, not listening on port {self._port}")

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


class PipeReadiness:
    """A server is ready when a worker has loaded the application and written a byte into a pipe.

    An open port means nothing here: the runner opened it before the server started.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._reader, self.descriptor = os.pipe()
        """``descriptor``: for the server"""
        os.set_blocking(self._reader, False)
        os.set_blocking(self.descriptor, False)
        self._ready = False
        loop.watch(self._reader, self._read)

    def _read(self) -> None:
        try:
            self._ready = bool(os.read(self._reader, _NOTIFICATION))
        except BlockingIOError:
            pass

    def started(self) -> None:
        """Reset: the main process was started again, and the one before it may have been ready."""
        self._ready = False

    def check(self) -> Check:
        """Return the current state."""
        text = "a worker has loaded the application" if self._ready else "no worker has loaded the application yet"
        return Check(name=NAME, passed=self._ready, text=text)

    def close(self) -> None:
        """Close it."""
        self._loop.forget(self._reader)
        os.close(self._reader)
        os.close(self.descriptor)


class NotifyReadiness:
    """The service reports READY=1 and STOPPING=1 by sd_notify(3), at the socket ``path``.

    Messages are passed on to ``outer``, the engine's own socket, if there is one. Raises Failure (73) when the socket
    cannot be created.
    """

    def __init__(self, loop: Loop, path: str, outer: str | None) -> None:
        self._loop = loop
        self._outer = outer
        self._ready = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._socket.bind(path)
        except OSError as error:
            self._socket.close()
            raise Failure(CANNOT_WRITE, f"{path}: cannot be created: {reason(error)}; mount a tmpfs at /tmp") from None
        loop.watch(self._socket.fileno(), self._read)

    def _read(self) -> None:
        try:
            data = self._socket.recv(_NOTIFICATION)
        except OSError:
            return
        for line in data.decode("utf-8", "replace").splitlines():
            name, _, value = line.partition("=")
            if name in ("READY", "STOPPING") and value == "1":
                self._ready = name == "READY"
        if self._outer:
            address = f"\0{self._outer[1:]}" if self._outer.startswith("@") else self._outer
            try:
                self._socket.sendto(data, socket.MSG_DONTWAIT, address)
            except OSError:
                pass

    def started(self) -> None:
        """Reset: the main process was started again, and the one before it may have been ready."""
        self._ready = False

    def check(self) -> Check:
        """Return the current state, without the service's own message, which may contain anything."""
        return Check(name=NAME, passed=self._ready, text="has sent READY=1" if self._ready else "has not sent READY=1")

    def close(self) -> None:
        """Close it."""
        self._loop.forget(self._socket.fileno())
        self._socket.close()


class ProbeTiming(Value):
    """Seconds: from a response to the next request, while not ready and while ready, and for a response."""

    interval: float = 1.0
    interval_ready: float = 5.0
    timeout: float = 4.0


class PathReadiness:
    """The service is ready when ``path`` on ``port`` answers below 500; it is requested at intervals.

    ``request``: :func:`status.loopback_request.send_request`, which other services do without.
    """

    def __init__(
        self,
        loop: Loop,
        path: str,
        port: int,
        *,
        request: Callable[..., object],
        timing: ProbeTiming = ProbeTiming(),  # noqa: B008 - frozen
    ) -> None:
        self._loop = loop
        self._path = path
        self._port = port
        self._timing = timing
        self._send = request
        self._status: int | None = None
        self._was_requested = False
        self._closed = False
        self._request()

    def _request(self) -> None:
        if not self._closed:
            self._send(self._loop, self._path, self._timing.timeout, self._on_response, port=self._port)

    def _on_response(self, status: int | None, _: bytes) -> None:
        self._status, self._was_requested = status, True
        interval = self._timing.interval_ready if self._passed else self._timing.interval
        self._loop.after(interval, self._request)

    @property
    def _passed(self) -> bool:
        return self._status is not None and self._status < 500

    def started(self) -> None:
        """Reset: the main process was started again, and the one before it may have answered."""
        self._status, self._was_requested = None, False

    def check(self) -> Check:
        """Return the result of the last request."""
        if self._status is not None:
            text = f"{self._path} answered {self._status}"
        else:
            text = f"{self._path} does not answer" if self._was_requested else f"{self._path} was not requested yet"
        return Check(name=NAME, passed=self._passed, text=text)

    def close(self) -> None:
        """Send no more requests."""
        self._closed = True


if TYPE_CHECKING:  # classes have no | in Python 3.9
    Readiness = PortReadiness | PipeReadiness | NotifyReadiness | PathReadiness
