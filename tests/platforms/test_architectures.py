"""The table of architectures."""

from __future__ import annotations

from grocker.platforms.architectures import ARCHITECTURES, BY_MACHINE


def test_architecture_is_found_by_its_name_and_by_the_kernels() -> None:
    assert BY_MACHINE["x86_64"] is ARCHITECTURES["amd64"]
    assert BY_MACHINE["aarch64"] is ARCHITECTURES["arm64"]


def test_architectures_differ_in_each_column() -> None:
    rows = list(ARCHITECTURES.values())
    for column in ("name", "machine", "triplet", "loader", "elf_machine"):
        assert len({getattr(row, column) for row in rows}) == len(rows)
