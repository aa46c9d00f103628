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


def test_failure_gives_the_reason_of_a_compiler_instead_of_its_command(tmp_path: Path) -> None:
    said = "building\nshop.c:9:26: error: lvalue required\nx.c:10:1: error: more\nerror: Command '['gcc']' returned 1"
    error = failure(said, "shop", read_tree(tmp_path, now=0))
    assert error.message.splitlines()[0].endswith("its build back end failed: shop.c:9:26: error: lvalue required")
    assert error.message.splitlines()[-1] == "    error: Command '['gcc']' returned 1"
    error = failure("error: command '/usr/bin/gcc' failed", "shop", read_tree(tmp_path, now=0))
    assert error.message.splitlines()[0].endswith("failed: error: command '/usr/bin/gcc' failed")
