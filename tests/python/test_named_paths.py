"""What a project's configuration names."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.python.named_paths import read_named_paths


@pytest.mark.parametrize(
    ("line", "is_meant"),
    [
        ("version_file = 'app/_version.py'", True),
        ("include = ['*.py']", True),
        ("include = ['app/**/*.py']", True),
        ("include = ['**/*']", False),
        ("include = ['!app/_version.py']", False),
        ("exclude = ['app/_version.py']", False),
        ("packages = ['app']", False),
    ],
)
def test_file_is_meant_when_it_or_its_ending_is_named(tmp_path: Path, line: str, is_meant: bool) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "_version.py").touch()
    (tmp_path / "pyproject.toml").write_text(f"[tool.setuptools_scm]\n{line}\n")
    assert read_named_paths(tmp_path).is_meant("app/_version.py") is is_meant


@pytest.mark.parametrize(
    "text",
    [
        "\0",
        "[tool]\nhatch = 1",
        "tool = 1",
        "x = " + "1" * 5000,
        "x = " + "[" * 900 + "]" * 900,
        "[tool.hatch]\nx = ['/etc', '../x', 'a\\u0000']",
    ],
)
def test_nothing_is_named_by_what_names_no_path(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / "setup.cfg").write_text("no section")
    assert read_named_paths(tmp_path).paths == frozenset()


@pytest.mark.parametrize(
    ("text", "mentions"),
    [("x = 'data'", True), ("x = 'data/**'", True), ("package-data = 1", False), ("database = 1", False)],
)
def test_word_is_mentioned_by_itself(tmp_path: Path, text: str, mentions: bool) -> None:
    (tmp_path / "setup.py").write_text(text)
    assert read_named_paths(tmp_path).mentions("data") is mentions
