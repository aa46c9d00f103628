"""How work reports its progress. The library reports; only the command line shows."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self


class Task(Protocol):
    """One piece of work that the user sees; used with ``with``."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def advance(self, amount: int) -> None:
        """Report ``amount`` more units done (bytes for a transfer, items for anything else). Thread safe."""

    def show(self, line: str) -> None:
        """Show a line that the work writes, in place of the one before it. Thread safe."""


class Progress(Protocol):
    """Where work and warnings are reported. Thread safe."""

    def task(self, what: str, total: int | None = None) -> Task:
        """Start a task: ``what`` in the present participle ("fetching numpy 2.1"), ``total`` units if known."""

    def warn(self, message: str, hint: str | None = None) -> None:
        """Warn of something that does not stop the build."""


class _SilentTask:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        return None

    def advance(self, amount: int) -> None:
        return None

    def show(self, line: str) -> None:
        return None


class Silent:
    """Shows nothing; keeps warnings in ``warnings`` as (message, hint)."""

    def __init__(self) -> None:
        self.warnings: list[tuple[str, str | None]] = []

    def task(self, what: str, total: int | None = None) -> Task:
        """See Progress.task."""
        return _SilentTask()

    def warn(self, message: str, hint: str | None = None) -> None:
        """See Progress.warn."""
        self.warnings.append((message, hint))
