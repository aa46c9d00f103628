"""Which of a project's lock files counts."""

from __future__ import annotations

from pathlib import Path

from grocker.python import LockFile, find_lock
from grocker.python.locks import FORMATS


def test_lock_is_found_when_the_project_has_one(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").touch()
    assert find_lock(tmp_path) == LockFile("uv", tmp_path / "uv.lock")


def test_lock_is_none_when_the_project_has_none(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").mkdir()
    assert find_lock(tmp_path) is None


def test_formats_begin_with_the_one_of_highest_precedence() -> None:
    assert next(iter(FORMATS)) == "uv"
