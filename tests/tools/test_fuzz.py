"""The table of fuzz targets in the documentation."""

from __future__ import annotations

import pytest

from tests.fuzz.targets import TARGETS
from tools.fuzz import BEGIN, END, PAGE, Row, insert


def _row(name: str, inputs: int) -> str:
    return str(Row(name, inputs, 60, 10, 0, "2026-01-02", "abcdef012"))


def test_table_has_a_row_for_each_target() -> None:
    table = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    assert [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][2:] == list(TARGETS)


def test_row_replaces_the_one_of_its_target_and_keeps_the_others() -> None:
    old = "".join(f"{_row(name, 1)}\n" for name in ("elf", "gone", "deb"))
    page = f"before\n{BEGIN}\n\n| target | x |\n| --- | --- |\n{old}\n{END}\nafter\n"
    found = insert(page, {"elf": _row("elf", 12345), "ini": _row("ini", 3)}, ["deb", "elf", "ini"])
    assert found.startswith("before\n") and found.endswith("\nafter\n")
    rows = [line for line in found.splitlines() if line.startswith("| ")][2:]
    assert rows == [_row("deb", 1), "| elf | 12,345 | 60 | 10 | 0 | 2026-01-02 | abcdef012 |", _row("ini", 3)]


def test_page_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        insert("nothing", {}, [])
