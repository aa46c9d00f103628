"""Lines of TOML: everything is found where it stands."""

from __future__ import annotations

import tomllib
import tracemalloc
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from grocker.config.positions import KeyPath, find_lines

TEXT = '''\
# a comment [not.a.table]
top = 1
"quoted key" = 2
'literal.key' = "a = b" # [x]
dotted . name."with.dot" = 3

[table]
text = """
[not.a.table]
not = "a key"
\\""" still
"""
after = \'\'\'
x = 1\'\'\'\'
list = [
  1, "two, ]", # three ]
  [3, { four = 4 },
  { five = 5 } ],
]
inline = { a = 1, b.c = { d = "}" } }
when = 1979-05-27 07:32:00

[ spaced . "header" ]
x=1
[[tables]]
name = "first"
[tables.inner]
y = 1
[[tables.deep]]
z = 1
[[tables]]
name = "second"
[[tables.deep]]
z = 2
[[tables.deep]]
z = 3
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("quoted key",), 3),
        (("literal.key",), 4),
        (("dotted",), 5),
        (("dotted", "name", "with.dot"), 5),
        (("table",), 7),
        (("table", "text"), 8),
        (("table", "after"), 13),
        (("table", "list"), 15),
        (("table", "list", 0), 16),
        (("table", "list", 1), 16),
        (("table", "list", 2), 17),
        (("table", "list", 2, 1, "four"), 17),
        (("table", "list", 2, 2, "five"), 18),
        (("table", "inline", "a"), 20),
        (("table", "inline", "b", "c", "d"), 20),
        (("table", "when"), 21),
        (("spaced", "header", "x"), 24),
        (("tables", 0, "name"), 26),
        (("tables", 0, "inner", "y"), 28),
        (("tables", 0, "deep", 0, "z"), 30),
        (("tables", 1), 31),
        (("tables", 1, "name"), 32),
        (("tables", 1, "deep", 0, "z"), 34),
        (("tables", 1, "deep", 1, "z"), 36),
    ],
    ids=str,
)
def test_position_is_the_line_that_names_it(path: KeyPath, line: int) -> None:
    tomllib.loads(TEXT)
    assert find_lines(TEXT)[path] == line


def paths(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    found = {path} if path else set()
    if isinstance(value, dict):
        return found.union(*(paths(inner, (*path, key)) for key, inner in value.items()))
    if isinstance(value, list):
        return found.union(*(paths(inner, (*path, number)) for number, inner in enumerate(value)))
    return found


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_value = st.recursive(
    st.one_of(st.integers(-(2**31), 2**31), st.booleans(), _text, st.floats(allow_nan=False), st.datetimes()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_text, inner, max_size=3)),
    max_leaves=12,
)


@given(st.dictionaries(_text, _value, max_size=4), st.booleans())
def test_everything_in_a_document_has_a_position(document: dict[str, Any], multiline: bool) -> None:
    text = tomli_w.dumps(document, multiline_strings=multiline)
    assert set(find_lines(text)) == paths(tomllib.loads(text))


@pytest.mark.parametrize(
    "text", ["\n" * 1_000_000, "# a\n" * 250_000, "a = [" + "1,\n" * 9_000 + "]" + " \n" * 500_000]
)
def test_blank_lines_take_no_memory(text: str) -> None:
    tracemalloc.start()
    try:
        find_lines(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20
