"""Inline metadata of scripts; what is wrong with it is in ``tests/bad_input/cases.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.config.files import NONE
from grocker.config.script_metadata import read_script, read_settings


def script(place: Path, text: str) -> Path:
    path = place / "bot.py"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_metadata_and_settings_are_read_with_their_lines(tmp_path: Path, end: str) -> None:
    lines = (
        *(
            "#!/usr/bin/env python3",
            '"""A bot."""',
            "# /// script",
            '# requires-python = ">=3.12"',
            "# dependencies = [",
        ),
        *('#   "idna", # a comment', "# ]", "#", "# [tool.grocker]", '# files = ["a.txt"]', "# ///", "import idna"),
    )
    path = script(tmp_path, end.join(lines) + end)
    found = read_script(path)
    assert (found.dependencies, found.requires_python) == (("idna",), ">=3.12")
    configuration = read_settings(path)
    assert configuration.settings.files == ("a.txt",)
    assert {name: str(origin) for name, origin in configuration.origins.items()} == {"files": "bot.py:10"}


@pytest.mark.parametrize(
    "text",
    [
        "# /// script\n# ///\n",
        "# /// other\n# x\n# ///\n# /// script\n# ///\n",
        "# /// script\n#\n# ///",
        "x = 1\n# /// script\n# ///",
    ],
)
def test_empty_block_requires_nothing(tmp_path: Path, text: str) -> None:
    path = script(tmp_path, text)
    assert (read_script(path).dependencies, read_settings(path)) == ((), NONE)
