"""Spare a run the modules that have none of the tests it asks for: of the slow tier's processes each would import all.

A module has tests of a marker only if its own text or its directory's ``conftest.py`` names it (``mark.docker``); the
fast tier, which collects every module, holds them to that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

_THOROUGH = frozenset({"e2e", "slow", "docker", "podman", "network", "root"})
"""the markers of the slow tier"""


def is_spared(path: Path, expression: str) -> bool:
    """Whether a module surely has no test that ``-m expression`` selects."""
    if path.suffix != ".py" or not re.fullmatch(r"\w+( or \w+)*", expression):
        return False
    asked = frozenset(expression.split(" or "))
    return asked <= _THOROUGH and not asked & _named(path)


def unnamed(items: Iterable[pytest.Item]) -> list[str]:
    """The tests that ``is_spared`` would lose, each with the markers that its module does not name."""
    found = ((item.nodeid, {mark.name for mark in item.iter_markers()} & _THOROUGH, item.path) for item in items)
    return [f"{test}: {', '.join(sorted(lost))}" for test, marks, path in found if (lost := marks - _named(path))]


@cache
def _named(path: Path) -> frozenset[str]:
    texts = (one.read_text("utf-8") for one in (path, path.with_name("conftest.py")) if one.exists())
    return frozenset(name for text in texts for name in re.findall(r"\bmark\.(\w+)", text))
