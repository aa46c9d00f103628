"""Files that ask for a Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.inputs.python_version import warn_of_python_version
from grocker.platforms.target import select_target
from grocker.progress import Silent

TARGET = select_target("trixie", "linux/amd64")


@pytest.mark.parametrize(
    ("name", "text", "version"),
    [
        (".python-version", "3.12\n", "3.12"),
        (".python-version", "# by uv\ncpython-3.14.1-linux\n", "3.14"),
        ("runtime.txt", "python-3.11.9", "3.11"),
        (".tool-versions", "nodejs 22.1\npython 3.12.4\n", "3.12"),
    ],
)
def test_user_is_warned_of_a_file_that_asks_for_another_python(
    tmp_path: Path, name: str, text: str, version: str
) -> None:
    progress = Silent()
    (tmp_path / name).write_text(text)
    warn_of_python_version(tmp_path, TARGET, progress)
    ((message, hint),) = progress.warnings
    assert message == f"{name} asks for Python {version}, but the image has 3.13, Debian's own"
    assert "trixie has 3.13, bookworm has 3.11" in str(hint)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".python-version", "3.13.2\n"),
        (".python-version", "pypy3.10\n"),
        (".python-version", "\xff"),
        ("runtime.txt", "python-3.13"),
        ("runtime.txt", "nodejs-22.1\n"),
        (".tool-versions", "ruby 3.3.0\n"),
    ],
)
def test_nothing_is_said_of_the_images_own_python(tmp_path: Path, name: str, text: str) -> None:
    progress = Silent()
    (tmp_path / name).write_text(text, "latin-1")
    warn_of_python_version(tmp_path, TARGET, progress)
    assert progress.warnings == []
