"""Every file of tests is run: by default pytest leaves out directories of some names, and says nothing of it."""

from __future__ import annotations

from fnmatch import fnmatch

import pytest

from tests.architecture.source import ROOT


def test_no_directory_of_tests_is_left_out(pytestconfig: pytest.Config) -> None:
    patterns = pytestconfig.getini("norecursedirs")
    files = [path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(files) > 300
    assert [path for path in files if any(fnmatch(part, one) for part in path.parts for one in patterns)] == []
