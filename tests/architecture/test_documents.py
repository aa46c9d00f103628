"""The documentation keeps up with the code, and its links lead somewhere."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT
from tools.reference import PAGES

_LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
_VARIABLE = re.compile(r"GROCKER_[A-Z]+(_[A-Z]+)*")
_FILE = re.compile(r"`((?:src/grocker|tests|tools|docs|examples)/[\w/.-]+\.\w+)[`:]")
INTERNAL = frozenset({"GROCKER_READY_FD", "GROCKER_RUNNER_DIRECTORY", "GROCKER_LEVELS_FD"})
"""Variables that the runner gives its own servers."""


@pytest.mark.parametrize("name", sorted(PAGES))
def test_reference_page_is_made_from_the_code_as_it_is(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), "run: make docs"


def test_environment_page_names_every_variable_of_grocker() -> None:
    page = (ROOT / "docs" / "reference" / "environment.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(GROCKER_[A-Z_]+)`", page))
    read = {
        node.value
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _VARIABLE.fullmatch(node.value)
    }
    assert told == read - INTERNAL


def test_links_lead_to_files_and_headings_that_exist() -> None:
    pages = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    dead = []
    for name in pages.stdout.splitlines():
        page = ROOT / name
        for target, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
            path = page.parent / target if target else page
            if "://" not in target and not (path.exists() and (not anchor or anchor in _anchors(path))):
                dead.append(f"{name}: {target}#{anchor}")
    assert dead == []


@cache
def _anchors(page: Path) -> frozenset[str]:
    """What a link may name after ``#``: the headings, as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def test_files_that_pages_name_exist() -> None:
    pages = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    named = {
        (name, path)
        for name in pages.stdout.splitlines()
        for path in _FILE.findall((ROOT / name).read_text(encoding="utf-8"))
        if "NAME" not in path
    }
    assert {(name, path) for name, path in named if not (ROOT / path).exists()} == set()


def test_readme_asks_for_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\$ make (\w+)", text, re.MULTILINE) == ["demo", "test"]
