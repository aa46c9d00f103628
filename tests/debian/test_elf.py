"""What ldconfig reads of a shared library."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker.debian import elf
from tests.support.elf import library


@pytest.mark.parametrize("machine", [62, 183])
@pytest.mark.parametrize("soname", ["libhello.so.1", ""])
def test_library_is_read_when_it_is_whole(machine: int, soname: str) -> None:
    assert elf.read(library(soname, machine)) == elf.Elf(machine, True, soname, ())


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh", b"\x7fELF", b"/* GNU ld script */ GROUP ( x )" * 4])
def test_file_is_no_library_when_it_is_no_elf(data: bytes) -> None:
    assert elf.read(data) is None


def test_program_is_no_library_when_it_is_of_another_type() -> None:
    data = bytearray(library("libhello.so.1"))
    struct.pack_into("<H", data, 16, 2)
    assert elf.read(bytes(data)) is None


@given(st.integers(0, 260), st.binary(max_size=8))
def test_damage_is_no_crash_when_bytes_are_any(place: int, noise: bytes) -> None:
    data = bytearray(library("libhello.so.1"))
    data[place : place + len(noise)] = noise
    elf.read(bytes(data))


@given(st.integers(0, 300))
def test_truncation_is_no_crash_when_it_is_anywhere(size: int) -> None:
    elf.read(library("libhello.so.1")[:size])
