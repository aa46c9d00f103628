"""Every problem of a table of settings, in the order of the file."""

from __future__ import annotations

from datetime import date

import pytest

from grocker.config.problems import SettingProblem, find_problems
from grocker.config.settings import Settings


def test_problems_are_none_when_the_table_is_valid() -> None:
    assert find_problems({"dependencies": ["libpq5"], "services": {"www": {"wsgi": "a:b"}}}, Settings) == ()


def test_problems_are_all_found_in_the_order_of_the_table() -> None:
    table = {"user": {"uid": 0}, "depend": [], "extras": ["ok", 1], "debian": {"suite": "trixi"}}
    assert find_problems(table, Settings) == (
        SettingProblem(("user", "uid"), "expected a number of at least 1, found 0"),
        SettingProblem(("depend",), "unknown setting"),
        SettingProblem(("extras", 1), "expected text, found a number", is_kind=True),
        SettingProblem(("debian", "suite"), "expected one of bookworm, forky, trixie, found 'trixi'", "trixie"),
    )


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "true"),
        (False, "false"),
        (1.5, "a number"),
        ({}, "a table"),
        ([], "a list"),
        (date(2026, 1, 1), "a date or time"),
    ],
)
def test_problem_names_the_kind_of_a_value_and_not_the_value(value: object, kind: str) -> None:
    (problem,) = find_problems({"namespace": value}, Settings)
    assert problem.what == f"expected text, found {kind}"


@pytest.mark.parametrize(
    ("address", "shown"),
    [("ftp://user:secret@host/", "something else"), ("x" * 50, repr("x" * 40 + "…")), ("x", "'x'")],
)
def test_problem_shows_no_password_and_no_long_value(address: str, shown: str) -> None:
    (problem,) = find_problems({"index-url": address}, Settings)
    assert problem.what == f"expected an https:// or http:// address, found {shown}"


def test_problem_is_that_of_the_member_of_a_union_that_the_value_resembles() -> None:
    def words(command: object) -> list[tuple[object, str]]:
        found = find_problems({"services": {"www": {"command": command}}}, Settings)
        return [(problem.path[-1], problem.what) for problem in found]

    assert words(["a", 1]) == [(1, "expected text, found a number")]
    assert words(1) == [("command", "expected text or a list, found a number")]
