"""Every file of tests is run: by default pytest leaves out directories of some names, and says nothing of it."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.support import tiers


def test_no_directory_of_tests_is_left_out(pytestconfig: pytest.Config) -> None:
    patterns = pytestconfig.getini("norecursedirs")
    files = [path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(files) > 300
    assert [path for path in files if any(fnmatch(part, one) for part in path.parts for one in patterns)] == []


def test_markers_are_named_in_the_module_of_a_test_or_beside_it(pytestconfig: pytest.Config) -> None:
    """The slow tier would lose the test. All modules are collected for the fast tier."""
    assert pytestconfig.stash[tiers.NAMELESS] == []


def test_marker_that_is_not_named_is_found(request: pytest.FixtureRequest) -> None:
    assert tiers.find_nameless([request.node]) == []
    request.node.add_marker("docker")
    assert tiers.find_nameless([request.node]) == []  # this file names it, below
    request.node.add_marker("podman")
    assert tiers.find_nameless([request.node]) == [f"{request.node.nodeid}: podman"]


@pytest.mark.parametrize(
    ("text", "expression", "is_skipped"),
    [
        ("def test(): ...", "slow or docker", True),
        ("pytestmark = [pytest.mark.docker]", "slow or docker", False),
        ("pytestmark = [pytest.mark.network]", "slow or docker", True),
        ("def test(): ...", "not (slow or docker)", False),
        ("def test(): ...", "slow and docker", False),
        ("def test(): ...", "slow or fault", False),
        ("def test(): ...", "", False),
    ],
)
def test_module_is_skipped_when_it_names_none_of_the_markers(
    tmp_path: Path, text: str, expression: str, is_skipped: bool
) -> None:
    (tmp_path / "test_x.py").write_text(text)
    assert tiers.is_skipped(tmp_path / "test_x.py", expression) == is_skipped


def test_markers_are_those_that_make_test_asks_for() -> None:
    [expression] = re.findall(r"^THOROUGH := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert frozenset(expression.split(" or ")) == tiers.MARKERS
