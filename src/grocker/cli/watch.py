"""``--watch``: build again whenever a file changes that the last build read.

Files are looked at, not listened to: this needs nothing of the host, sees changes on any file system and costs one
``stat`` for each file. What the build has imported stays, so that the next one only does what changed.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from grocker.cli.replay import snapshot
from grocker.cli.terminal import Style, show_error
from grocker.errors import GrockerError

if TYPE_CHECKING:
    from grocker.builder.result import Built

_SHORTEST = 0.1
"""seconds between two looks"""
_SHARE = 20
"""looking takes at most one part in so many of the time"""
_SETTLED = 0.05
"""seconds without a change after which a save is over: editors and git write several files"""
_TICK = 10_000_000
"""nanoseconds by which the time of a file may be behind the clock, which the kernel reads for files at each tick"""


class Watch:
    """Builds, one after the other."""

    def __init__(self, build: Callable[[], Built]) -> None:
        """``build`` reads everything anew, and tells of its result itself."""
        self._build = build
        self._seen: Mapping[str, list[int]] = {}
        self.digest = ""
        """of the last build's result"""

    def first(self) -> Built:
        """Build. Raises GrockerError."""
        began = time.time_ns()
        built = self._build()
        self._take(built, began)
        return built

    def next(self) -> Built:
        """Wait for a change, and build. An error is shown; then the next change is waited for."""
        while True:
            self._wait()
            began = time.time_ns()
            try:
                built = self._build()
            except GrockerError as error:
                show_error(error)
                self._tell(len(self._seen))
                continue
            self._take(built, began)
            return built

    def _take(self, built: Built, began: int) -> None:
        """Remember what the build depends on; ``began`` in nanoseconds since 1970."""
        seen = snapshot(built.files)
        # What changed while it ran may have come too late for it. If it only wrote there itself, the next one is equal.
        late = [path for path, stat in seen.items() if stat and max(stat[1], stat[2]) >= began - _TICK]
        if late and built.digest != self.digest:
            seen.update({path: [] for path in late})
        if not self.digest:
            self._tell(len(seen))
        self._seen, self.digest = seen, built.digest
        gc.collect()  # a single command needs no collector, see ``main``

    def _tell(self, count: int) -> None:
        style = Style.of(sys.stderr, os.environ)
        sys.stderr.write(style.dim(f"watching {count} files and directories; press Ctrl-C to stop") + "\n")
        sys.stderr.flush()

    def _wait(self) -> None:
        """Wait until something differs from what was seen, and nothing changes any more."""
        while True:
            began = time.monotonic()
            now = snapshot(self._seen)
            if now != self._seen:
                break
            time.sleep(max(_SHORTEST, _SHARE * (time.monotonic() - began)))
        while True:
            time.sleep(_SETTLED)
            before, now = now, snapshot(self._seen)
            if now == before:
                self._seen = now
                return
