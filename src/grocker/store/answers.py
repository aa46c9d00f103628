"""Answers of archives and indexes, kept for a day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from grocker.store.store import Store

DAY = 86400.0
"""seconds"""
_LATER = 3600.0
"""seconds by which a build that ran at the same time, and asked, may have begun later than this one"""


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

    Of builds that run at once, one asks. ``now`` in seconds since 1970; ``refresh`` always asks.
    """
    if not refresh:
        kept = _recent(store, key, kind, now)
        if kept is not None:
            return kept
    with store.lock(key):
        kept = None if refresh else _recent(store, key, kind, now)
        if kept is not None:
            return kept
        answer = ask()
        store.keep_answer(key, msgspec.json.encode(answer))
        return answer


def _recent(store: Store, key: str, kind: type[_Answer], now: float) -> _Answer | None:
    for data in store.copies("steps", key):
        kept = _decode(data, kind)
        if kept is not None and -_LATER < now - kept.at < DAY:
            return kept
    return None


def _decode(data: bytes, kind: type[_Answer]) -> _Answer | None:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError:
        return None
