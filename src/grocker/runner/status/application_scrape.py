"""One scrape of the application's metrics for all clients that wait for ``/metrics``. Contract: H2.

It delays the runner's own families by its time limit at most, and never blocks the loop.
"""

from __future__ import annotations

import time

from ..base.value import TYPE_CHECKING
from . import metrics
from .loopback_request import send_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..process.loop import Loop
    from .application_metrics import MetricFamilies

LIMIT = 2.0  # seconds
LARGEST = 2 << 20  # bytes
LINES = 1000  # of the response, parsed in one turn of the loop
_ACCEPT = "text/plain;version=0.0.4,text/plain;q=0.5"


class ApplicationScrape:
    """``path``: of the application's metrics, on ``port`` of 127.0.0.1."""

    def __init__(self, loop: Loop, path: str, *, port: int) -> None:
        self._loop = loop
        self._path = path
        self._port = port
        self._waiting: list[Callable[[tuple[bytes, ...]], None]] = []
        self._started = 0.0

    def get(self, on_done: Callable[[tuple[bytes, ...]], None]) -> None:
        """Call ``on_done``, later, with what follows the runner's own families, in parts."""
        self._waiting.append(on_done)
        if len(self._waiting) == 1:
            self._started = time.monotonic()
            send_request(
                self._loop, self._path, LIMIT, self._on_response, port=self._port, largest=LARGEST, accept=_ACCEPT
            )

    def _on_response(self, status: int | None, body: bytes) -> None:
        if status != 200:
            self._finish(b"", False, 0)
            return
        from .application_metrics import MetricFamilies

        self._read(MetricFamilies(), body, 0)

    def _read(self, families: MetricFamilies, body: bytes, start: int) -> None:
        for _ in range(LINES):
            if start >= len(body):
                self._finish(families.text(), True, families.dropped)
                return
            end = body.find(b"\n", start)
            end = len(body) if end < 0 else end
            families.add_line(body[start:end])
            start = end + 1
        self._loop.after(0.0, lambda: self._read(families, body, start))

    def _finish(self, own: bytes, success: bool, dropped: int) -> None:
        parts = (metrics.scrape_text(success, time.monotonic() - self._started, dropped).encode(), own)
        waiting, self._waiting = self._waiting, []
        for on_done in waiting:
            on_done(parts)
