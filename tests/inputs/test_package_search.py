"""Directories without a package.json are not listed again while they are as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from grocker.inputs.project import _PackageSearch


def make(root: Path) -> Path:
    for name in ("a/b/c/d", "e/f", "node_modules/x", ".hidden"):
        (root / name).mkdir(parents=True)
    return root


def test_known_directories_are_not_listed_again(tmp_path: Path) -> None:
    first = _PackageSearch({})
    assert not first.finds(str(make(tmp_path)), 3)
    assert sorted(first.seen) == [str(tmp_path / one) for one in ("", "a", "a/b", "a/b/c", "e", "e/f")]
    again = _PackageSearch(first.seen)
    assert not again.finds(str(tmp_path), 3)
    assert (again.seen, again.listed) == (first.seen, 0)


@pytest.mark.parametrize(
    ("change", "listed", "found"),
    [
        (lambda root: (root / "a/b/package.json").touch(), 1, True),
        (lambda root: (root / "e/f/new").mkdir(), 2, False),
        (lambda root: (root / "e/f").rmdir(), 1, False),
        (lambda root: (root / "a/b/c/d/package.json").touch(), 0, False),
        (lambda root: (root / "node_modules/x/package.json").touch(), 0, False),
    ],
)
def test_changed_directory_is_listed_again(
    tmp_path: Path, change: Callable[[Path], object], listed: int, found: bool
) -> None:
    first = _PackageSearch({})
    first.finds(str(make(tmp_path)), 3)
    change(tmp_path)
    again = _PackageSearch(first.seen)
    assert again.finds(str(tmp_path), 3) is found
    assert again.listed == listed
