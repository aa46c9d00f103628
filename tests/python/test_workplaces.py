"""Environments of back ends: what is installed is what was pinned."""

from __future__ import annotations

import pytest

from grocker.digest import of
from grocker.errors import CorruptError
from grocker.lock.values import BuildRequirement
from grocker.python.pylock import Pin
from grocker.python.workplaces import _check_hashes

WHEEL, SDIST, OTHER = of(b"wheel"), of(b"sdist"), of(b"other")
FOUND = Pin("tool", "1.0", "tool-1.0-py3-none-any.whl", "http://127.0.0.1/tool", WHEEL, 9, sdist=SDIST)


@pytest.mark.parametrize("hashes", [(), (OTHER, WHEEL), (SDIST,)])
def test_pinned_requirement_is_taken(hashes: tuple[str, ...]) -> None:
    _check_hashes([BuildRequirement("Tool", "1.0", "", hashes), BuildRequirement("else", "1.0", "", (OTHER,))], [FOUND])


def test_another_file_than_the_pinned_one_is_refused() -> None:
    with pytest.raises(CorruptError, match="hash mismatch") as raised:
        _check_hashes([BuildRequirement("tool", "1.0", "", (OTHER,))], [FOUND])
    assert raised.value.hint is not None
