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
        data = store.kept("steps", key)
        if data is not None:
            kept = msgspec.json.decode(data, type=kind)
            if 0 <= now - kept.at < DAY:
                return kept
    answer = ask()
    store.keep("steps", key, msgspec.json.encode(answer))
    return answer
