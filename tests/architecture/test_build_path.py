"""A build enters the files in the order of docs/explanation/architecture.md, which says what is entered again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT
from tests.support.followed import sitecustomize
from tests.support.wheels import make_project
from tests.support.world import world

_PAGE = ROOT / "docs" / "explanation" / "architecture.md"
_FILE = re.compile(r"`([a-z_]+(?:/[a-z_]+)*\.py)`")


def _rows() -> list[list[str]]:
    """The cells of the table of files: step, files, what happens, entered again."""
    section = _PAGE.read_text(encoding="utf-8").partition("\n## Follow a build\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _listed() -> list[str]:
    """The files of the table in its order, the alternatives in parentheses too; not those of other threads."""
    return [file for step, files, _, _ in _rows() if step for file in _FILE.findall(files)]


def _astray(entered: list[str], listed: list[str]) -> list[str]:
    """The entered files that are not listed behind the one before, each with that one."""
    astray, position, before = [], 0, "the beginning"
    for file in entered:
        if file in listed[position:]:
            position, before = listed.index(file, position), file
        else:
            astray.append(f"{file} after {before}")
    return astray


def test_file_is_astray_when_it_is_listed_earlier_or_not_at_all() -> None:
    assert _astray(["a", "c", "d"], ["a", "b", "c", "b", "d"]) == []
    assert _astray(["c", "a", "d", "e"], ["a", "b", "c", "d"]) == ["a after c", "e after d"]


def test_files_of_the_table_exist() -> None:
    named = {file for row in _rows() for cell in row for file in _FILE.findall(cell)}
    assert sorted(file for file in named if not (PACKAGE / file).exists() and not (ROOT / file).exists()) == []


@pytest.mark.slow
def test_build_enters_files_in_the_order_of_the_page(tmp_path: Path) -> None:
    log = tmp_path / "log"
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "sitecustomize.py").write_text(sitecustomize("tests.support.made_up", log))
    with world(tmp_path / "world") as made:
        make_project(made.project, {"demo/__init__.py": "def main(): ...\n"}, pyproject=_PROJECT, entry_points=_SCRIPTS)
        made.environ["PYTHONPATH"] = f"{tmp_path / 'start'}:{ROOT / 'src'}:{ROOT}"
        outcome = made.run(["build", "PROJECT", "--output", "oci:OUT"])
    assert outcome.status == 0, outcome.stderr
    lines = [line.split(" ") for line in log.read_text().splitlines()]
    entered = [words[0] for words in lines if len(words) == 1]
    listed = _listed()
    assert _astray(entered, listed) == [], f"say so in {_PAGE.relative_to(ROOT)}"
    # A cell that names no file is about every file of its row.
    explained = {file for _, files, _, why in _rows() if why for file in _FILE.findall(why) or _FILE.findall(files)}
    again = {words[0]: " ".join(words[2:]) for words in lines if len(words) > 1}
    assert {file: how for file, how in again.items() if file not in explained} == {}, (
        "say there why they are entered again"
    )


_PROJECT = """
dynamic = ["dependencies", "scripts"]

[tool.grocker.services.worker]
command = ["demo-admin"]
"""
_SCRIPTS = "[console_scripts]\ndemo-admin = demo:main\n"
