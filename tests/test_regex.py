"""Expressions that are compiled when they are used."""

from __future__ import annotations

import re

import pytest

from grocker.regex import regex


def test_expression_is_compiled_when_it_is_first_used() -> None:
    wrong = regex("(")
    with pytest.raises(re.error):
        wrong.match("")


def test_expression_has_the_methods_of_a_compiled_one() -> None:
    word = regex(r"(?P<first>\w)\w*", re.IGNORECASE)
    for _ in range(2):
        found = word.fullmatch("Word")
        assert found is not None
        assert found["first"] == "W"
    assert word.sub("x", "two words") == "x x"
    assert word.pattern == r"(?P<first>\w)\w*"
    assert regex(rb"\d").findall(b"a1b2") == [b"1", b"2"]
