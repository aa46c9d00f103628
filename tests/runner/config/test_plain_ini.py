"""What is read without configparser is what configparser reads."""

from __future__ import annotations

import configparser
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker.runner.config import plain_ini
from grocker.runner.contract import installed_files as texts
from tests.support import tricky_configuration


def judged(*given: str) -> configparser.ConfigParser | None:
    """As getconf reads; None where it refuses."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        for text in given:
            parser.read_file(io.StringIO(text, newline=None))
    except configparser.Error:
        return None
    return parser


def told(parser: configparser.ConfigParser) -> dict[str, dict[str, str]]:
    return {name: dict(parser[name]) for name in parser.sections()}


_PIECES = [
    "[",
    "]",
    "a",
    "B",
    "é",
    "=",
    ":",
    "#",
    ";",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "DEFAULT",
    "%",
    "\x1c",
    "\xa0",
    "\u2028",
]
_LINES = [
    "[a]\n",
    "[b]\n",
    "[DEFAULT]\n",
    "k = v\n",
    "K: w\n",
    " l = x\n",
    "# c\n",
    "  ; c\n",
    "\n",
    "e =\n",
    "k=a=b:c\n",
]
_TEXTS = st.lists(st.sampled_from([*_PIECES, *_LINES, *_LINES]), max_size=12).map("".join)


@given(_TEXTS)
def test_plain_ini_is_read_as_by_configparser(text: str) -> None:
    found = plain_ini.read_plain(text)
    if found is not None:
        parser = judged(text)
        assert parser is not None
        assert not parser.defaults()
        assert list(found) == parser.sections()
        assert found == told(parser)


@given(st.lists(_TEXTS, max_size=3))
def test_plain_ini_is_merged_and_written_as_by_configparser(given: list[str]) -> None:
    sections: plain_ini.Sections = {}
    for text in given:
        found = plain_ini.read_plain(text)
        if found is None:
            return
        plain_ini.merge(sections, found)
    parser = judged(*given)
    assert parser is not None
    written = io.StringIO()
    parser.write(written)
    assert plain_ini.format_plain(sections) == written.getvalue()


def test_plain_ini_writes_lines_of_a_value_as_configparser_does() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_dict({"a": {"k": "one\ntwo\n\nthree\n", "l": ""}})
    written = io.StringIO()
    parser.write(written)
    assert plain_ini.format_plain({"a": {"k": "one\ntwo\n\nthree\n", "l": ""}}) == written.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        *("", "\n", "# c\n", "[a]\n", "[a b]\nk = v\n\n  # c\n[c]\r\nk : v\r\n", "[a]\nk=\n", "[a]\nk = ça ☃\n"),
        *("[a]\nk =\tv\t\nl = [x] # y\n", "[a]\nk = v"),
    ],
)
def test_plain_ini_is_what_most_files_are(text: str) -> None:
    assert plain_ini.read_plain(text) is not None


def test_plain_ini_is_what_the_image_brings() -> None:
    assert plain_ini.read_plain(texts.DEFAULT_SETTINGS) == told(
        judged(texts.DEFAULT_SETTINGS) or configparser.ConfigParser()
    )
    assert plain_ini.read_plain(tricky_configuration.BASE) is not None


@pytest.mark.parametrize(
    "text",
    [
        *("k = v\n", "[a]\nk\n", "[a]\n= v\n", "[a]\nk = 1\nK = 2\n", "[a]\n[a]\n", "[a]b\n", "[]\n", "[a\n", "[a]]\n"),
        *("[a]\nk = v\n  more\n", " [a]\nk = v\n", "[DEFAULT]\nk = v\n", "[a]\nk = \x0cv\n", "[a]\nk = v\x85l = w\n"),
    ],
)
def test_plain_ini_is_not_what_is_wrong_or_has_more_to_it(text: str) -> None:
    assert plain_ini.read_plain(text) is None
