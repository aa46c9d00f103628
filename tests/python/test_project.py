from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from grocker.errors import GrockerError
from grocker.python import read_project


def project(tmp_path: Path, text: str | bytes | None, *more: str) -> Path:
    directory = tmp_path / "My Polls"
    directory.mkdir()
    if text is not None:
        (directory / "pyproject.toml").write_bytes(text.encode() if isinstance(text, str) else text)
    for name in more:
        (directory / name).write_text("")
    return directory


def test_project_is_read_from_pyproject(tmp_path: Path) -> None:
    text = """
[build-system]
requires = ["hatchling>=1.20"]
build-backend = "hatchling.build"
[project]
name = "Polls_Site"
version = "1.2"
requires-python = ">=3.11"
dependencies = ["django"]
[project.optional-dependencies]
Postgres_DB = ["psycopg"]
"""
    found = read_project(project(tmp_path, text))
    assert (found.name, found.version, found.requires_python) == ("polls-site", "1.2", ">=3.11")
    assert found.dependencies == ("django",)
    assert found.extras == (("postgres-db", ("psycopg",)),)
    assert (found.build_requires, found.backend) == (("hatchling>=1.20",), "hatchling.build")


def test_project_leaves_to_the_back_end_what_is_dynamic(tmp_path: Path) -> None:
    directory = project(tmp_path, '[project]\nname = "a"\ndynamic = ["version", "dependencies"]\n')
    (directory / ".git").mkdir()
    found = read_project(directory)
    assert (found.version, found.dependencies) == (None, None)
    assert found.build_requires == ("setuptools>=40.8.0",)


@pytest.mark.parametrize("name", ["setup.py", "setup.cfg"])
def test_project_is_known_by_its_legacy_files(tmp_path: Path, name: str) -> None:
    found = read_project(project(tmp_path, None, name))
    assert (found.name, found.backend) == (None, "setuptools.build_meta:__legacy__")


def test_project_without_metadata_is_told_to_take_over_its_requirements(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("flask\n")
    (tmp_path / "app.py").write_text("")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "index.html").write_text("")
    with pytest.raises(GrockerError) as caught:
        read_project(tmp_path)
    heading, _, text = str(caught.value.hint).partition("\n")
    assert heading == "write pyproject.toml:"
    (tmp_path / "pyproject.toml").write_text(text)
    assert read_project(tmp_path).dependencies is None
    assert tomllib.loads(text)["tool"]["setuptools"] == {
        "py-modules": ["app"],
        "packages": {"find": {"include": ["templates*"]}},
        "package-data": {"*": ["**/*"]},
        "dynamic": {"dependencies": {"file": ["requirements.txt"]}},
    }


BAD = {
    "no metadata at all": (None, 66, "pyproject.toml does not exist, nor does setup.py", 'name = "my-polls"'),
    "pyproject for tools alone": (
        "[tool.ruff]\n",
        66,
        "has neither [project] nor [build-system]",
        "write pyproject.toml",
    ),
    "no name": ('[project]\nversion = "1"\n', 78, "[project] has no name", 'add name = "my-polls"'),
    "no version": ('[project]\nname = "a"\n', 78, "[project] has no version", 'add version = "1.0"'),
    "broken TOML": ('[project]\nname = "a\n', 78, "line 2", "TOML"),
    "not UTF-8": (b'[project]\nname = "\xff"\n', 78, "not UTF-8: byte 18", None),
    "a string where a list is due": (
        '[project]\nname = "a"\nversion = "1"\ndependencies = "django"\n',
        78,
        "project.dependencies: expected a list of strings",
        None,
    ),
    "a list where a table is due": ("project = []\n", 78, "project: expected a table", None),
    "a number where a string is due": (
        "[project]\nname = 1\nversion = '1'\n",
        78,
        "project.name: expected a string",
        None,
    ),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_project_is_refused_when(case: str, tmp_path: Path) -> None:
    text, status, words, hint = BAD[case]
    with pytest.raises(GrockerError) as caught:
        read_project(project(tmp_path, text))
    assert caught.value.status == status
    assert words in caught.value.message
    assert "My Polls" in caught.value.message
    assert (hint or "") in str(caught.value.hint)


@pytest.mark.parametrize(("name", "words"), [("nowhere", "does not exist"), ("file", "is a file")])
def test_project_is_missing_when_there_is_no_directory(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GrockerError, match=words) as caught:
        read_project(tmp_path / name)
    assert caught.value.status == 66
