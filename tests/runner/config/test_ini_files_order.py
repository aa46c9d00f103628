from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker.runner.config.ini_files import IniFile, prepared_name, priority, sort_files, sort_names

_NAMES = st.from_regex(r"([0-9]{0,4}[_-]?)?[a-c_]{0,3}\.ini", fullmatch=True)
_FILES = st.lists(
    st.builds(
        lambda name, operator: IniFile(name=name, path=f"/{operator}/{name}", operator=operator), _NAMES, st.booleans()
    )
)


def _names(*files: tuple[str, bool]) -> list[str]:
    ordered = sort_files([IniFile(name=name, path="", operator=operator) for name, operator in files])
    return [f"{'operator' if file.operator else 'image'} {file.name}" for file in ordered]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("10_a.ini", 10),
        ("5_a.ini", 5),
        ("050_a.ini", 50),
        ("90-a.ini", 90),
        ("7_.ini", 7),
        ("a.ini", None),
        ("10.ini", None),
        ("10a_b.ini", None),
        ("_10_a.ini", None),
        ("²_a.ini", None),
        ("١_a.ini", None),
        ("", None),
    ],
)
def test_ini_order_priority_is_the_number_in_front(name: str, number: int | None) -> None:
    assert priority(name) == number


def test_ini_order_is_numeric() -> None:
    files = [(name, True) for name in ("100_a.ini", "90_a.ini", "9_a.ini", "10_a.ini")]
    assert _names(*files, ("50_default_settings.ini", False)) == [
        "operator 9_a.ini",
        "operator 10_a.ini",
        "image 50_default_settings.ini",
        "operator 90_a.ini",
        "operator 100_a.ini",
    ]


@pytest.mark.fault(number=12)
def test_ini_order_operator_beats_the_image_when_the_priority_is_equal() -> None:
    operators = [("50_a.ini", True), ("50_default_settings.ini", True), ("050_z.ini", True)]
    assert _names(*operators, ("50_default_settings.ini", False)) == [
        "image 50_default_settings.ini",
        "operator 050_z.ini",
        "operator 50_a.ini",
        "operator 50_default_settings.ini",
    ]


def test_ini_order_unnumbered_files_count_last() -> None:
    assert _names(("a.ini", True), ("999999999999_b.ini", True))[-1] == "operator a.ini"


@pytest.mark.slow
@given(_FILES)
def test_ini_order_does_not_depend_on_the_listing(files: list[IniFile]) -> None:
    keys = [(file.name, file.operator) for file in sort_files(files)]
    assert keys == [(file.name, file.operator) for file in sort_files(files[::-1])]


@pytest.mark.slow
@given(_FILES)
def test_ini_order_of_prepared_names_as_strings_is_the_order(files: list[IniFile]) -> None:
    ordered = sort_files(files)
    prepared = [prepared_name(place, file.name) for place, file in enumerate(ordered)]
    assert sorted(prepared) == prepared


def test_ini_order_prepared_name_is_never_too_long() -> None:
    name = prepared_name(3, "9" * 60 + "_" + "é" * 95 + ".ini")
    assert len(name.encode()) <= 255
    assert name.startswith("000003_")
    assert name.endswith("é.ini")


def test_ini_order_sorts_out_what_is_no_configuration() -> None:
    names = sort_names(
        ["b.ini", "..data", "..2026", ".#50_a.ini", "50_a.ini", "50_a.ini~", "50_a.INI", ".x.ini", "notes"]
    )
    assert names.counted == ("50_a.ini", "b.ini")
    assert names.unnumbered == ("b.ini",)
    assert names.ignored == (".x.ini", "50_a.INI", "50_a.ini~", "notes")
