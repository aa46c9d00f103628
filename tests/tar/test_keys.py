"""Cache keys."""

from __future__ import annotations

import pytest

from grocker.tar.keys import cache_key


def test_key_is_the_same_when_the_identity_is() -> None:
    assert cache_key("a", {"x": 1, "y": 2}) == cache_key("a", {"y": 2, "x": 1})
    assert len(cache_key()) == 64


@pytest.mark.parametrize("other", [("a",), ("a", "c"), ("ab",), ("a", ["b"]), ("b", "a")])
def test_key_is_another_when_the_identity_is(other: tuple[object, ...]) -> None:
    assert cache_key(*other) != cache_key("a", "b")
