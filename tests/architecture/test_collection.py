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


@pytest.mark.parametrize(
    ("text", "expression", "is_spared"),
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
def test_module_without_the_markers_that_are_asked_for_is_spared(
    tmp_path: Path, text: str, expression: str, is_spared: bool
) -> None:
    (tmp_path / "test_x.py").write_text(text)
    assert tiers.is_spared(tmp_path / "test_x.py", expression) == is_spared


def test_marker_that_a_module_does_not_name_is_found(request: pytest.FixtureRequest) -> None:
    assert tiers.unnamed([request.node]) == []
    request.node.add_marker(pytest.mark.docker)
    assert tiers.unnamed([request.node]) == []  # for this file names it, above
    request.node.add_marker("podman")
    assert tiers.unnamed([request.node]) == [f"{request.node.nodeid}: podman"]


def test_spared_are_modules_of_the_slow_tier() -> None:
    [expression] = re.findall(r"^THOROUGH := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert frozenset(expression.split(" or ")) == tiers._THOROUGH
