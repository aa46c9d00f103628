"""Skip importing modules that have no test of the slow tier: each of its processes would import all of them.

A module has a test with a marker only if it, or the ``conftest.py`` beside it, names the marker (``mark.docker``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

MARKERS = frozenset({"e2e", "slow", "docker", "podman", "network", "root"})
"""of the slow tier"""
NAMELESS = pytest.StashKey[list[str]]()
"""what ``find_nameless`` returns for the tests that were collected"""


def is_skipped(path: Path, expression: str) -> bool:
    """Whether a module cannot have a test that ``-m expression`` selects."""
    if path.suffix != ".py" or not re.fullmatch(r"\w+( or \w+)*", expression):
        return False
    asked = frozenset(expression.split(" or "))
    return asked <= MARKERS and not asked & _names(path)


def find_nameless(items: Iterable[pytest.Item]) -> list[str]:
    """Return the tests with markers that are not named for their module, and these markers."""
    found = ((item.nodeid, {mark.name for mark in item.iter_markers()} & MARKERS, item.path) for item in items)
    return [f"{test}: {', '.join(sorted(lost))}" for test, marks, path in found if (lost := marks - _names(path))]


@cache
def _names(path: Path) -> frozenset[str]:
    texts = (one.read_text("utf-8") for one in (path, path.with_name("conftest.py")) if one.exists())
    return frozenset(name for text in texts for name in re.findall(r"\bmark\.(\w+)", text))
