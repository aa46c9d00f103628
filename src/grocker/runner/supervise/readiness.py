"""When a service is ready. Contract: H1.

Each of the ways is asked with :meth:`check` when a probe comes, is told of the main process's start, and never waits.
"""

from __future__ import annotations

import os
import time

from ..base.c_modules import socket
from ..base.failure import CANNOT_WRITE, Failure, reason
from ..base.value import TYPE_CHECKING
from ..process.listeners import is_listening
from ..status.values import Check

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..process.loop import Loop

    Request = Callable[[Loop, str, float, Callable[[int | None, bytes], None]], object]

NAME = "ready"
_ALIVE = 1.0  # seconds that one which does not listen has run for
_NOTIFICATION = 4096  # bytes
_BETWEEN, _BETWEEN_READY = 1.0, 5.0  # seconds from an answer to the next question
_PATIENCE = 4.0  # seconds for an answer


class Port:
    """A command's: it accepts on ``port``; or, as long as it never did, it has run for a second."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._started = time.monotonic()
        self._listens = False

    def started(self) -> None:
        """The main process has been started."""
        self._started = time.monotonic()

    def check(self) -> Check:
        """As things are now."""
        if is_listening(self._port):
            self._listens = True
            return Check(name=NAME, passed=True, text=f"accepts on port {self._port}")
        if self._listens:
            return Check(name=NAME, passed=False, text=f"does not accept on port {self._port}")
        passed = time.monotonic() - self._started >= _ALIVE
        text = "has run for a second" if passed else "has not run for a second"
        return Check(name=NAME, passed=passed, text=f"{text}, and does not listen on port {self._port}")

    def close(self) -> None:
        """Nothing to end."""


class Told:
    """A server of Grocker's: a worker that has loaded the application writes a byte into a pipe.

    That the port accepts says nothing here: the runner holds its socket, and opened it before the server started.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._end, self.descriptor = os.pipe()
        """``descriptor``: for the server"""
        os.set_blocking(self._end, False)
        os.set_blocking(self.descriptor, False)
        self._told = False
        loop.watch(self._end, self._read)

    def _read(self) -> None:
        try:
            self._told = bool(os.read(self._end, _NOTIFICATION))
        except BlockingIOError:
            pass

    def started(self) -> None:
        """The main process has been started; one before it may have been ready."""
        self._told = False

    def check(self) -> Check:
        """As things are now."""
        text = "a worker serves the application" if self._told else "no worker has loaded the application yet"
        return Check(name=NAME, passed=self._told, text=text)

    def close(self) -> None:
        """Ends it."""
        self._loop.forget(self._end)
        os.close(self._end)
        os.close(self.descriptor)


class Notified:
    """By sd_notify(3), READY=1 and STOPPING=1. What comes is passed on to ``outer``, the engine's own socket, if there
    is one. Raises Failure (73) when the socket cannot be made at ``path``.
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
            raise Failure(CANNOT_WRITE, f"{path}: cannot be made: {reason(error)}: mount a tmpfs at /tmp") from None
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
        """The main process has been started; one before it may have been ready."""
        self._ready = False

    def check(self) -> Check:
        """As things are now. What the service said of itself is not told: it may be anything."""
        return Check(name=NAME, passed=self._ready, text="has said READY=1" if self._ready else "has not said READY=1")

    def close(self) -> None:
        """Ends it."""
        self._loop.forget(self._socket.fileno())
        self._socket.close()


class Path:
    """A path on port 8080 that answers below 500: asked for again and again, and what was answered last counts."""

    def __init__(self, loop: Loop, path: str, request: Request) -> None:
        self._loop = loop
        self._path = path
        self._request = request
        self._answer: int | None = None
        self._asked = False
        self._closed = False
        self._ask()

    def _ask(self) -> None:
        if not self._closed:
            self._request(self._loop, self._path, _PATIENCE, self._take)

    def _take(self, answer: int | None, _: bytes) -> None:
        self._answer, self._asked = answer, True
        self._loop.after(_BETWEEN_READY if self._passed else _BETWEEN, self._ask)

    @property
    def _passed(self) -> bool:
        return self._answer is not None and self._answer < 500

    def started(self) -> None:
        """The main process has been started; one before it may have answered."""
        self._answer, self._asked = None, False

    def check(self) -> Check:
        """As the last answer was."""
        if self._answer is not None:
            text = f"{self._path} answered {self._answer}"
        else:
            text = f"{self._path} does not answer" if self._asked else f"{self._path} was not asked yet"
        return Check(name=NAME, passed=self._passed, text=text)

    def close(self) -> None:
        """No more questions."""
        self._closed = True


Readiness = Port | Told | Notified | Path
