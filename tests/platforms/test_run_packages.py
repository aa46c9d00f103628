"""What well-known distributions and programs need where they run."""

from __future__ import annotations

import re

from grocker.platforms.run_packages import DISTRIBUTIONS, PROGRAMS, SELF_CONTAINED
from grocker.python.metadata import normalise_name


def test_rows_are_sorted_and_name_distributions_and_packages_as_their_archives_do() -> None:
    for table in (DISTRIBUTIONS, PROGRAMS, SELF_CONTAINED):
        assert list(table) == sorted(table)
    names = {*DISTRIBUTIONS, *SELF_CONTAINED, *(name for row in SELF_CONTAINED.values() for name in row)}
    assert [name for name in names if normalise_name(name) != name] == []
    packages = {*PROGRAMS.values(), *(package for row in DISTRIBUTIONS.values() for package in row)}
    assert [package for package in packages if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", package)] == []
    assert set(SELF_CONTAINED) <= set(DISTRIBUTIONS)
