"""Commands: generated from entry points, or shipped."""

from __future__ import annotations

import pytest

from grocker.errors import CorruptError
from grocker.python.metadata import EntryPoint
from grocker.python.scripts import generate_scripts, set_interpreter

PYTHON = "/opt/venv/bin/python"


def test_script_calls_its_function_and_exits_with_what_it_returns() -> None:
    points = [
        EntryPoint("console_scripts", "polls", "polls.cli", "Main.run"),
        EntryPoint("grocker.services", "www", "polls", "www"),
    ]
    assert generate_scripts(points, PYTHON, "x.whl") == {
        "polls": b"#!/opt/venv/bin/python\nimport sys\nfrom polls.cli import Main\n"
        b'if __name__ == "__main__":\n    sys.exit(Main.run())\n'
    }


@pytest.mark.parametrize("name", ["../x", "a/b", ".", "..", "a\0b"])
def test_script_is_refused_when_its_name_is_no_file_name(name: str) -> None:
    with pytest.raises(CorruptError, match=r"x\.whl: entry_points\.txt: invalid script name"):
        generate_scripts([EntryPoint("gui_scripts", name, "m", "f")], PYTHON, "x.whl")


def test_script_is_refused_when_it_names_no_function() -> None:
    with pytest.raises(CorruptError, match="polls does not name a function in m"):
        generate_scripts([EntryPoint("console_scripts", "polls", "m", "")], PYTHON, "x.whl")


@pytest.mark.parametrize(
    ("shipped", "installed"),
    [
        (b"#!python\nx = 1\n", b"#!/opt/venv/bin/python\nx = 1\n"),
        (b"#!pythonw -E\nx = 1\n", b"#!/opt/venv/bin/python\nx = 1\n"),
        (b"#!python", b"#!/opt/venv/bin/python\n"),
        (b"#!/bin/sh\nexit\n", b"#!/bin/sh\nexit\n"),
        (b"", b""),
    ],
)
def test_shipped_script_gets_the_images_interpreter_when_it_asks_for_python(shipped: bytes, installed: bytes) -> None:
    assert set_interpreter(shipped, PYTHON) == installed
