"""The documentation keeps up with the code, and its links lead somewhere."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.architecture.source import ROOT
from tools.reference import PAGES

_LINK = re.compile(r"\]\(([^)#\s]+)")


@pytest.mark.parametrize("name", sorted(PAGES))
def test_reference_page_is_made_from_the_code_as_it_is(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), "run: make docs"


def test_links_lead_to_files_that_exist() -> None:
    pages = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    dead = []
    for name in pages.stdout.splitlines():
        page = ROOT / name
        for target in _LINK.findall(page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                dead.append(f"{name}: {target}")
    assert dead == []


def test_readme_asks_for_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\$ make (\w+)", text, re.MULTILINE) == ["demo", "test"]
