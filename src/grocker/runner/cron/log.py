"""Where the records of jobs go: a seam of two calls. Contract: K4, V4."""

from __future__ import annotations

from ..base.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    class Log(Protocol):
        """What ``log.Log`` does for jobs."""

        def job(self, job: str, pid: int, error: bool, lines: Sequence[bytes]) -> None:
            """Takes lines that belong together, without their ends, of any bytes. ``pid``: 0 for none."""

        def full(self, error: bool, resume: Callable[[], None]) -> bool:
            """Whether no more output should be read now: then ``resume`` is called, once, when it should."""
