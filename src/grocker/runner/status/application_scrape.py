"""One question to the application for all who ask for ``/metrics`` meanwhile. Contract: H2.

The runner's own families are never held up by it beyond its time limit, and the loop never by its answer.
"""

from __future__ import annotations

import time

from ..base.value import TYPE_CHECKING
from . import metrics
from .loopback_request import PORT, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..process.loop import Loop
    from .application_metrics import Families

LIMIT = 2.0  # seconds
LARGEST = 2 << 20  # bytes
_LINES = 1000  # of the answer, in one turn of the loop
_ACCEPT = "text/plain;version=0.0.4,text/plain;q=0.5"


class Scrape:
    """``path``: where the application tells its metrics, on ``port`` of the loopback."""

    def __init__(self, loop: Loop, path: str, *, port: int = PORT) -> None:
        self._loop = loop
        self._path = path
        self._port = port
        self._waiting: list[Callable[[tuple[bytes, ...]], None]] = []
        self._began = 0.0

    def get(self, done: Callable[[tuple[bytes, ...]], None]) -> None:
        """``done`` is called, later, with what stands behind the runner's own families, in parts."""
        self._waiting.append(done)
        if len(self._waiting) == 1:
            self._began = time.monotonic()
            request(self._loop, self._path, LIMIT, self._answered, port=self._port, largest=LARGEST, accept=_ACCEPT)

    def _answered(self, status: int | None, body: bytes) -> None:
        if status != 200:
            self._tell(b"", False, 0)
            return
        from .application_metrics import Families

        self._read(Families(), body, 0)

    def _read(self, families: Families, body: bytes, start: int) -> None:
        for _ in range(_LINES):
            if start >= len(body):
                self._tell(families.content(), True, families.left_out)
                return
            end = body.find(b"\n", start)
            end = len(body) if end < 0 else end
            families.take(body[start:end])
            start = end + 1
        self._loop.after(0.0, lambda: self._read(families, body, start))

    def _tell(self, own: bytes, success: bool, left_out: int) -> None:
        parts = (metrics.scrape(success, time.monotonic() - self._began, left_out).encode(), own)
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done(parts)
