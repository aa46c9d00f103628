"""Versions of a lock file that does not fit its project any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.python.stale_lock import read_versions

TABLES = '[[{key}]]\nname = "Flask"\nversion = "3.0"\n[[{key}]]\nname = "six"\nversion = "1.0"\n'
TWICE = '[[package]]\nname = "six"\nversion = "2.0"\n'


@pytest.mark.parametrize(
    ("name", "text", "versions"),
    [
        ("uv.lock", TABLES.format(key="package"), {"flask": "3.0", "six": "1.0"}),
        ("pylock.toml", TABLES.format(key="packages"), {"flask": "3.0", "six": "1.0"}),
        ("poetry.lock", TABLES.format(key="package") + TWICE, {"flask": "3.0"}),
        ("Pipfile.lock", '{"default": {"Flask": {"version": "==3.0"}, "own": {"path": "."}}}', {"flask": "3.0"}),
        ("uv.lock", '[[package]]\nname = "a"\nversion = "1\\nb"\n[[package]]\nname = 3\n', {}),
        ("uv.lock", "package = [1]\ndefault = 2\n", {}),
        ("uv.lock", "nonsense", {}),
        ("Pipfile.lock", "{", {}),
    ],
)
def test_versions_are_those_of_packages_with_one(
    tmp_path: Path, name: str, text: str, versions: dict[str, str]
) -> None:
    (tmp_path / name).write_text(text)
    assert read_versions(tmp_path / name) == versions


def test_lock_that_is_gone_has_no_versions(tmp_path: Path) -> None:
    assert read_versions(tmp_path / "uv.lock") == {}
