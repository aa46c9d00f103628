"""How composed roots are compared with apt's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tools.packages.__main__ import CASES, read_cases
from tools.packages.compare import Node, Root, differences, is_number, shorten
from tools.packages.explanations import explain
from tools.packages.results import Case, Result, keep, load, page

DIRECTORY = Node("d", 0o755, "root", "root", "")
FILE = Node("-", 0o644, "root", "root", "a")


def root(nodes: dict[str, Node], *users: str) -> Root:
    return Root(nodes, dict.fromkeys(users, "999:999:/:/bin/sh"), {}, frozenset())


def test_roots_that_are_equal_have_no_differences() -> None:
    one = root({"usr": DIRECTORY, "usr/a": FILE}, "redis")
    assert differences(one, one, frozenset()) == []


def test_difference_says_what_is_lacking_changed_and_new() -> None:
    mine = root({"a": FILE, "b": FILE, "c": FILE}, "own")
    theirs = root(
        {"a": Node("-", 0o640, "root", "redis", "a"), "b": Node("-", 0o644, "root", "root", "b"), "d": FILE}, "redis"
    )
    assert differences(mine, theirs, frozenset()) == [
        "644 root:root, not 640 root:redis /a",
        "content /b",
        "has /c",
        "lacks /d",
        "lacks user redis",
        "has user own",
    ]


def test_difference_names_capabilities_and_numbers_of_accounts() -> None:
    mine = Root({"ping": FILE}, {"redis": "998:998:/:/bin/sh"}, {"redis": "998:", "tty": "5:"}, frozenset())
    capable = Node("-", 0o644, "root", "root", "a", "0100")
    theirs = Root({"ping": capable}, {"redis": "999:999:/:/bin/sh"}, {"redis": "999:", "tty": "5:"}, frozenset())
    assert differences(mine, theirs, frozenset()) == [
        "644 root:root, not 644 root:root with capabilities 0100 /ping",
        "user redis: 998:998:/:/bin/sh, not 999:999:/:/bin/sh",
        "group redis: 998:, not 999:",
    ]


def test_files_of_packages_that_an_image_is_without_are_no_difference() -> None:
    apt = root({"usr": DIRECTORY, "usr/ucf": FILE, "usr/ucf.cache": FILE})
    assert differences(root({"usr": DIRECTORY}), apt, frozenset({"usr", "usr/ucf"})) == ["lacks /usr/ucf.cache"]


def test_many_differences_are_counted_by_directory() -> None:
    found = ["lacks /etc/apache2/mods/a", "lacks /etc/apache2/mods/b", "has user x"]
    assert shorten(found) == "lacks /etc/apache2/mods/… (2); has user x (1)"


def test_cases_have_packages_a_user_and_a_script() -> None:
    cases = read_cases(CASES)
    assert len({case.packages for case in cases}) == len(cases) > 140
    assert all(case.packages and case.uid in (0, 1000) and case.script for case in cases)


def result(**others: Any) -> Result:
    case = Case(("redis-server",), 0, "true")
    first = Result(case, "yes", (), True, "yes", ("redis-server",), (), "0123abcd", "2026-11-29")
    return replace(first, **others)


def test_page_counts_what_works_differs_and_needs_a_sandbox() -> None:
    ghost = result(found=("lacks /var/lib/xfonts/x",), scripts_ran=False, static="")
    odd = result(works="NO: no such user", found=("lacks user redis",), static="NO: no such user")
    renumbered = result(found=("user redis: 999:998:/:/bin/sh, not 100:101:/:/bin/sh", "group redis: 998:, not 101:"))
    lines = page([result(), ghost, odd, renumbered], result(case=Case((), 0, "")), "trixie").splitlines()
    assert [line for line in lines if line.endswith(" % |")] == [
        "| do their work | 3 | 75 % |",
        "| have apt's files, modes, owners, accounts, alternatives and caches | 2 | 50 % |",
        "| and the same numbers of accounts | 1 | 25 % |",
        "| differ, and the reason is below | 1 | 25 % |",
        "| differ without a reason | 1 | 25 % |",
        "| warn although they work | 0 | 0 % |",
        "| do not work, without a warning | 1 | 25 % |",
        "| need no sandbox | 1 | 25 % |",
        "| work without one as well | 3 | 75 % |",
    ]
    assert "| redis-server | yes | – | yes, but warns | – | 0123abcd |" in lines
    assert any("a list for X servers" in line for line in lines)
    numbered = [line for line in lines if "| numbers of accounts (2) |" in line]
    assert len(numbered) == 1
    assert "Without a sandbox these do not do their work: `redis-server`." in lines


def test_script_that_fails_with_apt_too_counts_as_work_done() -> None:
    assert result(works="as with apt: no such program").does_its_work
    assert not result(works="NO: no such program").does_its_work


def test_results_are_kept(tmp_path: Path) -> None:
    kept = keep(tmp_path / "a.json", result())
    assert load(tmp_path / "a.json") == kept == result()


def test_only_numbers_of_accounts_depend_on_the_order_of_installation() -> None:
    assert is_number("user redis: 999:998:/:/bin/sh, not 100:101:/:/bin/sh")
    assert is_number("group redis: 998:blue, not 101:blue")
    assert not is_number("user redis: 999:998:/:/bin/sh, not 100:101:/:/bin/false")
    assert not is_number("group redis: 998:blue, not 101:")
    assert not is_number("lacks user redis")


def test_explanation_covers_whole_differences() -> None:
    assert explain("lacks group _ssh") is not None
    assert explain("lacks group _ssh2") is None
