from __future__ import annotations

import re

import pytest

from grocker import errors
from grocker.errors import GrockerError

SYSEXITS = {64: "USAGE", 65: "DATAERR", 66: "NOINPUT", 69: "UNAVAILABLE", 70: "SOFTWARE", 73: "CANTCREAT", 74: "IOERR",
            75: "TEMPFAIL", 77: "NOPERM", 78: "CONFIG"}  # fmt: skip
TREE = {cls.__name__: cls for cls in GrockerError.__subclasses__() if cls.__module__ == errors.__name__}


def test_tree_that_is_drawn_is_the_tree_that_there_is() -> None:
    drawn = re.findall(r"[├└]── (\w+) +(\d+)  ", errors.__doc__ or "")
    assert {name: int(status) for name, status in drawn} == {name: cls.status for name, cls in TREE.items()}


def test_statuses_are_those_of_sysexits_each_once() -> None:
    assert sorted(cls.status for cls in TREE.values()) == sorted(SYSEXITS)
    assert len({cls.meaning for cls in TREE.values()}) == len(TREE)


@pytest.mark.parametrize("cls", TREE.values(), ids=list(TREE))
def test_error_carries_message_and_hint(cls: type[GrockerError]) -> None:
    error = cls("building polls: no", hint="say yes")
    assert (str(error), error.message, error.hint) == ("building polls: no", "building polls: no", "say yes")
    assert cls("no").hint is None
