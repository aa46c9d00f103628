"""A connection that failed: the transport decides whether the request is sent again."""

from __future__ import annotations


class BrokenError(Exception):
    """A connection that failed: ``reason`` in words; ``attempts``: how many are worth it at most, None for all."""

    def __init__(self, reason: str, attempts: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.attempts = attempts
