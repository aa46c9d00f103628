"""pylock.toml as uv writes it."""

from __future__ import annotations

import pytest

from grocker.errors import GrockerError
from grocker.python import WheelTarget
from grocker.python.pylock import read_pylock

TARGET = WheelTarget("3.13", "amd64", (2, 41))

PYLOCK = """
lock-version = "1.0"
[[packages]]
name = "ext"
version = "1.0"
{marker}
{source}
"""


@pytest.mark.parametrize(
    ("marker", "source", "words"),
    [
        (
            "",
            'vcs = { type = "git", url = "https://example.invalid/x.git", commit-id = "x" }',
            "comes from a repository",
        ),
        ("", 'directory = { path = "../ext" }', "comes from a directory"),
        ("", 'archive = { url = "https://example.invalid/ext-1.0.tar.gz" }', "comes from an archive"),
        (
            "",
            'wheels = [{ url = "https://example.invalid/ext-1.0-cp313-cp313-win_amd64.whl" }]',
            "ext 1.0: no wheel for",
        ),
        ("", 'wheels = [{ url = "https://example.invalid/ext-1.0-py3-none-any.whl" }]', "no sha256"),
        ('marker = "what"', "", "pylock.toml: ext"),
    ],
)
def test_pylock_is_refused_when_source_is_no_wheel(marker: str, source: str, words: str) -> None:
    with pytest.raises(GrockerError) as caught:
        read_pylock(PYLOCK.format(marker=marker, source=source).encode(), TARGET)
    assert words in caught.value.message


def test_pylock_package_is_left_out_when_marker_is_for_another_platform() -> None:
    text = PYLOCK.format(marker="marker = \"sys_platform == 'win32'\"", source="")
    assert read_pylock(text.encode(), TARGET) == ()
