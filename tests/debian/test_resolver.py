"""From names of packages to the closed set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker.debian.index import PackageIndex
from grocker.debian.resolver import PackageSet, resolve
from grocker.errors import CorruptError, GrockerError, MissingError, SettingsError

HASH = "0" * 64


def made(suite: str, *packages: str) -> PackageIndex:
    """An index of packages, each written ``NAME VERSION; Field: value; …``."""
    text = ""
    for package in packages:
        head, *fields = (part.strip() for part in package.split(";"))
        name, _, version = head.partition(" ")
        text += f"Package: {name}\nVersion: {version or '1.0'}\nArchitecture: amd64\n"
        text += f"Filename: pool/{suite}/{name}.deb\nSize: 10\nSHA256: {HASH}\n"
        text += "".join(field + "\n" for field in fields) + "\n"
    return PackageIndex(suite, text.encode())


def chosen(resolved: PackageSet) -> list[str]:
    return [f"{package.name} {package.version}" for package in resolved.packages]


def test_set_is_closed_when_packages_depend_on_others() -> None:
    main = made("trixie", "a; Depends: b, c (>= 1); Recommends: z", "b; Pre-Depends: d", "c", "d", "z")
    resolved = resolve([main], ["a"])
    assert [package.name for package in resolved.packages] == ["a", "b", "c", "d"]
    assert resolved.why("d") == ("a", "b", "d")
    assert resolved.packages[0].filename == "pool/trixie/a.deb"
    assert resolved.packages[0].suite == "trixie"


def test_what_scripts_alone_need_is_left_out_when_nothing_else_needs_it() -> None:
    main = made(
        "trixie",
        "nginx; Depends: iproute2, libc",
        "iproute2; Depends: libdb",
        "libc",
        "libdb",
        "vpn; Depends: iproute2",
    )
    assert chosen(resolve([main], ["nginx"])) == ["libc 1.0", "nginx 1.0"]
    assert "iproute2 1.0" in chosen(resolve([main], ["nginx", "vpn"]))
    assert "iproute2 1.0" in chosen(resolve([main], ["iproute2", "nginx"]))


def test_highest_version_is_taken_when_suites_have_several() -> None:
    main = made("trixie", "a 1.0-1")
    updates = made("trixie-updates", "a 1.0-1+deb13u2")
    security = made("trixie-security", "a 1.0-1+deb13u1")
    resolved = resolve([main, updates, security], ["a"])
    assert chosen(resolved) == ["a 1.0-1+deb13u2"]
    assert resolved.packages[0].suite == "trixie-updates"


def test_first_suite_is_taken_when_versions_are_equal() -> None:
    assert resolve([made("trixie", "a"), made("trixie-security", "a")], ["a"]).packages[0].suite == "trixie"


def test_version_is_the_named_one_when_the_name_has_one() -> None:
    main = made("trixie", "a 1.0", "b; Depends: a")
    assert chosen(resolve([main, made("trixie-updates", "a 2.0")], ["a=1.0", "b"])) == ["a 1.0", "b 1.0"]


def test_first_alternative_is_taken_when_none_is_chosen() -> None:
    main = made("trixie", "a; Depends: b | c", "b", "c")
    assert chosen(resolve([main], ["a"])) == ["a 1.0", "b 1.0"]


def test_chosen_alternative_is_enough_when_it_was_asked_for() -> None:
    main = made("trixie", "a; Depends: b | c", "b", "c")
    assert chosen(resolve([main], ["a", "c"])) == ["a 1.0", "c 1.0"]


def test_next_alternative_is_taken_when_the_first_is_too_old() -> None:
    main = made("trixie", "a; Depends: b (>= 2) | c", "b 1", "c")
    assert chosen(resolve([main], ["a"])) == ["a 1.0", "c 1.0"]


def test_provider_goes_by_priority_and_name_when_a_package_is_virtual() -> None:
    main = made(
        "trixie",
        "a; Depends: awk",
        "gawk; Provides: awk; Priority: optional",
        "mawk; Provides: awk; Priority: required",
        "bawk; Provides: awk; Priority: optional",
    )
    assert chosen(resolve([main], ["a"])) == ["a 1.0", "mawk 1.0"]
    without = made("trixie", "a; Depends: awk", "gawk; Provides: awk", "bawk; Provides: awk")
    assert chosen(resolve([without], ["a"])) == ["a 1.0", "bawk 1.0"]


@pytest.mark.parametrize("fields", ["Provides: b | c", "Provides: b (= 1:)", "Depends: b (>= 1:)"])
def test_index_is_corrupt_when_a_relation_is_malformed(fields: str) -> None:
    with pytest.raises(CorruptError, match="reading the package index"):
        resolve([made("trixie", f"a; {fields}")], ["a"])


def test_provider_counts_for_a_version_when_it_provides_one() -> None:
    main = made("trixie", "a; Depends: v (>= 2)", "old; Provides: v", "new; Provides: v (= 2.1)")
    assert chosen(resolve([main], ["a"])) == ["a 1.0", "new 1.0"]


def test_dependency_counts_as_met_when_only_scripts_need_it() -> None:
    main = made("trixie", "a; Depends: debconf (>= 0.5) | debconf-2.0, dpkg (>= 1.17)", "debconf", "dpkg 1.22")
    assert chosen(resolve([main], ["a"])) == ["a 1.0"]


def test_left_out_package_is_taken_when_it_is_asked_for() -> None:
    main = made("trixie", "a; Depends: dpkg", "dpkg 1.22; Depends: tar", "tar")
    assert chosen(resolve([main], ["a", "dpkg"])) == ["a 1.0", "dpkg 1.22", "tar 1.0"]


def test_circle_is_resolved_when_packages_depend_on_each_other() -> None:
    assert chosen(resolve([made("trixie", "a; Depends: b", "b; Depends: a")], ["a"])) == ["a 1.0", "b 1.0"]


def test_virtual_package_needs_one_provider_alone_when_it_is_requested_by_name() -> None:
    main = made("trixie", "exim4; Provides: mta", "postfix; Provides: mta, cups", "b; Provides: old (= 1)")
    with pytest.raises(
        SettingsError, match="mta is a virtual package that 2 packages provide: exim4, postfix"
    ) as raised:
        resolve([main], ["mta"])
    assert raised.value.hint == "name one of them instead of mta"
    assert chosen(resolve([main], ["old"])) == ["b 1.0"]


def test_essential_package_wins_when_it_is_an_alternative() -> None:
    main = made(
        "trixie", "a; Depends: lsb | init (>= 3)", "b; Depends: lsb | init (>= 9)", "lsb", "init 3; Essential: yes"
    )
    assert chosen(resolve([main], ["a"])) == ["a 1.0", "init 3"]
    assert chosen(resolve([main], ["b"])) == ["b 1.0", "lsb 1.0"]


def test_essential_package_wins_when_it_provides_what_is_needed() -> None:
    main = made("trixie", "a; Depends: lsb (>= 2)", "lsb 3", "init 3; Provides: lsb (= 11); Essential: yes")
    assert chosen(resolve([main], ["a"])) == ["a 1.0", "init 3"]
    assert chosen(resolve([main], ["lsb"])) == ["lsb 3"]


def test_essential_package_comes_along_when_scripts_of_another_one_run_its_programs() -> None:
    main = made("trixie", "xvfb", "util-linux; Essential: yes; Depends: libc", "libc", "a")
    assert chosen(resolve([main], ["xvfb"])) == ["libc 1.0", "util-linux 1.0", "xvfb 1.0"]
    assert chosen(resolve([main], ["a"])) == ["a 1.0"]


@given(st.permutations(["a", "b", "c", "m", "x"]))
def test_set_is_the_same_when_names_come_in_another_order(names: list[str]) -> None:
    main = made("trixie", "a; Depends: b | c, x", "b", "c; Depends: awk", "x", "m; Provides: awk", "n; Provides: awk")
    assert resolve([main], names) == resolve([main], ["a", "b", "c", "m", "x"])


CASES: list[tuple[str, list[str], list[str], type[GrockerError], int, str, str]] = [
    ("unknown package", ["libpq5"], ["libpg5"], MissingError, 66, "no Debian package libpg5 in trixie", "libpq5"),
    (
        "unknown version",
        ["a 1.0"],
        ["a=2.0"],
        MissingError,
        66,
        "no version 2.0 of the Debian package a",
        "available: 1.0",
    ),
    ("malformed version", ["a 1.0"], ["a=2 0"], SettingsError, 78, "'a=2 0'", "NAME=VERSION"),
    ("unmet dependency", ["a; Depends: b (>= 9)", "b 1"], ["a"], MissingError, 66, "depends on b (>= 9)", "mirror"),
    ("absent dependency", ["a; Depends: b"], ["a"], MissingError, 66, "depends on b", "remove a"),
    ("dependency on another version", ["a; Depends: b (<< 1)", "b 1"], ["a", "b"], SettingsError, 78, "b is 1", "b"),
    ("conflict", ["a; Conflicts: b", "b"], ["a", "b"], SettingsError, 78, "a conflicts with b", "remove a or b"),
    ("breakage", ["a; Breaks: b (<< 2)", "b 1"], ["a", "b"], SettingsError, 78, "a breaks b (<< 2)", "remove a or b"),
    ("conflict by a virtual name", ["a; Conflicts: v", "b; Provides: v"], ["a", "b"], SettingsError, 78, "v", "b"),
    ("malformed relation", ["a; Depends: b ("], ["a"], CorruptError, 65, "depends of a", ""),
    ("malformed version in the index", ["a 1_0"], ["a"], CorruptError, 65, "not a Debian version", ""),
]


@pytest.mark.parametrize(
    ("packages", "names", "kind", "status", "words", "hint"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_resolve_refuses_when_the_set_cannot_be(
    packages: list[str], names: list[str], kind: type[GrockerError], status: int, words: str, hint: str
) -> None:
    with pytest.raises(kind) as caught:
        resolve([made("trixie", *packages)], names)
    assert caught.value.status == status
    assert words in caught.value.message
    assert hint in (caught.value.hint or "")


def test_package_does_not_conflict_with_itself_when_it_provides_what_it_conflicts_with() -> None:
    main = made("trixie", "a; Provides: mta; Conflicts: mta")
    assert chosen(resolve([main], ["a"])) == ["a 1.0"]
