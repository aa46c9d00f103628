from __future__ import annotations

from pathlib import Path

from grocker.python import read_tree
from grocker.python.backend import failure


def test_failure_says_where_a_version_comes_from_when_git_does_not_tell(tmp_path: Path) -> None:
    error = failure(
        "LookupError: setuptools-scm was unable to detect version for /x.", "demo", read_tree(tmp_path, now=0)
    )
    assert "SETUPTOOLS_SCM_PRETEND_VERSION=1.0 grocker build" in str(error.hint)


def test_failure_is_without_colours(tmp_path: Path) -> None:
    error = failure("\x1b[1;31merror\x1b[0m: no rustc", "demo", read_tree(tmp_path, now=0))
    assert error.message.endswith("\n    error: no rustc")
    assert error.hint == "reproduce it with: python -m build --wheel"
