"""How composed roots are compared with apt's."""

from __future__ import annotations

from tools.packages.__main__ import CASES, read_cases
from tools.packages.compare import Node, Root, differences, shorten

DIRECTORY = Node("d", 0o755, "root", "root", "")
FILE = Node("-", 0o644, "root", "root", "a")


def root(nodes: dict[str, Node], *users: str) -> Root:
    rows = frozenset((name, "/", "/bin/sh") for name in users)
    return Root(nodes, rows, frozenset(), frozenset())


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


def test_files_of_packages_that_an_image_is_without_are_no_difference() -> None:
    apt = root({"usr": DIRECTORY, "usr/ucf": FILE, "usr/ucf.cache": FILE})
    assert differences(root({"usr": DIRECTORY}), apt, frozenset({"usr", "usr/ucf"})) == ["lacks /usr/ucf.cache"]


def test_many_differences_are_counted_by_directory() -> None:
    found = ["lacks /etc/apache2/mods/a", "lacks /etc/apache2/mods/b", "has user x"]
    assert shorten(found) == "lacks /etc/apache2/mods/… (2); has user x (1)"


def test_cases_have_packages_a_user_and_a_script() -> None:
    cases = read_cases(CASES)
    assert len({case.packages for case in cases}) == len(cases) > 90
    assert all(case.packages and case.uid in (0, 1000) and case.script for case in cases)
