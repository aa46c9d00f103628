"""Documents of others: whatever is wrong with one is a ValueError, soon, and with little memory."""

from __future__ import annotations

import json
import tomllib

import pytest

from grocker.decoding import decode_json, decode_toml

pytestmark = pytest.mark.usefixtures("without_collector")


LONE_SURROGATES = ['{"a": "\\ud800"}', '["\\udfff"]', '{"\\uDC00": 1}', '"\\ud83d\\ud83d\\ude00"']


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 100_000, "9" * 5_000, "{", "\ud800", '"\\ud8', "", *LONE_SURROGATES],
)
def test_json_is_refused_when_it_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        decode_json(text)


def test_json_is_read_when_its_escapes_are_text() -> None:
    for text in ('{"a": "\\ud83d\\ude00\\u00e9"}', '"\\\\ud800"'):
        assert decode_json(text) == decode_json(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 10_000 + "]" * 10_000,
        "a = " + "{b = " * 10_000 + "1" + "}" * 10_000,
        "a = " + "9" * 5_000,
        "[" + "a." * 20_000 + "a]",
        "a." * 20_000 + "a = 1",
        '"a" . ' * 5_000 + "a = 1",
        "x = {" + "a." * 5_000 + "a = 1}",
        "[" + ".".join("a" * 99) + "]\nb.c = 1",
        "\n".join("[" + ".".join("a" * n) + "]" for n in range(1, 120)),
        "a =",
        "\ud800 = 1",
    ],
)
def test_toml_is_refused_when_it_is_none_or_a_trap(text: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        decode_toml(text)


def test_toml_is_read_when_it_is_only_large() -> None:
    words = " ".join(["a.b"] * 50_000)
    table = decode_toml(
        f'text = "{words}"\nlong = "{"x" * 100_000}"\n' + "".join(f"k{n} = [[1]]\n" for n in range(5_000))
    )
    assert len(table) == 5_002
