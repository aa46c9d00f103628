"""The failure checklist is whole: docs/development/faults.md."""

from __future__ import annotations

import re

from tests.e2e.contract.checklist import items, shown


def test_every_fault_is_shown_by_a_test() -> None:
    numbers = items()
    assert numbers == list(range(1, len(numbers) + 1))
    assert {one.number for one in shown()} == set(numbers)


def test_fault_in_a_tests_name_is_one_that_it_is_marked_with() -> None:
    found = shown()
    for one in found:
        named = re.match(r"test_fault_(\d\d)_", one.name)
        if named:
            numbers = {other.number for other in found if (other.path, other.name) == (one.path, one.name)}
            assert int(named[1]) in numbers, one
