"""Answers of archives and indexes, kept for a day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from grocker.store.store import Store

DAY = 86400.0
"""seconds"""


class Answer(Protocol):
    """A struct that knows when it was given."""

    @property
    def at(self) -> float:
        """Seconds since 1970."""


_Answer = TypeVar("_Answer", bound=Answer)


def recent_answer(
    store: Store, key: str, kind: type[_Answer], ask: Callable[[], _Answer], *, now: float, refresh: bool
) -> _Answer:
    """Return the answer kept under ``key`` if it is younger than a day, else what ``ask`` returns, which is kept.

    ``now`` in seconds since 1970; ``refresh`` always asks.
    """
    if not refresh:
        for data in store.copies("steps", key):
            kept = _decode(data, kind)
            if kept is not None and 0 <= now - kept.at < DAY:
                return kept
    answer = ask()
    store.keep_answer(key, msgspec.json.encode(answer))
    return answer


def _decode(data: bytes, kind: type[_Answer]) -> _Answer | None:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError:
        return None
