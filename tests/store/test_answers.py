"""Answers that are kept for a day."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from grocker.store import Store
from grocker.store.answers import DAY, recent_answer
from tests.support.patience import PATIENCE


class Said(msgspec.Struct, frozen=True):
    """An answer."""

    at: float
    text: str


def test_one_asks_when_several_want_the_same_answer(tmp_path: Path) -> None:
    asked: list[int] = []
    together = threading.Barrier(4)

    def build(number: int) -> str:
        def ask() -> Said:
            asked.append(number)
            return Said(1000.0 + number, "yes")

        with Store.open(tmp_path) as store:
            together.wait(PATIENCE)
            return recent_answer(store, "key", Said, ask, now=1000.0 + number, refresh=False).text

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(build, range(4))) == ["yes"] * 4
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("age", "refresh", "is_asked"),
    [
        (0.0, False, False),
        (DAY - 1, False, False),
        (DAY, False, True),
        (-60.0, False, False),
        (-DAY, False, True),
        (0.0, True, True),
    ],
)
def test_answer_is_asked_for_again_when_it_is_old_or_from_the_future(
    tmp_path: Path, age: float, refresh: bool, is_asked: bool
) -> None:
    with Store.open(tmp_path) as store:
        recent_answer(store, "key", Said, lambda: Said(1e9, "old"), now=1e9, refresh=False)
        found = recent_answer(store, "key", Said, lambda: Said(1e9, "new"), now=1e9 + age, refresh=refresh)
    assert found.text == ("new" if is_asked else "old")


def test_next_asks_when_the_first_fails(tmp_path: Path) -> None:
    def fail() -> Said:
        raise RuntimeError("no network")

    with Store.open(tmp_path) as store:
        with pytest.raises(RuntimeError):
            recent_answer(store, "key", Said, fail, now=0.0, refresh=False)
        assert recent_answer(store, "key", Said, lambda: Said(0.0, "yes"), now=0.0, refresh=False).text == "yes"
