"""The fields of a shared library that ldconfig and ld.so read. Source: elf(5); the System V ABI, chapters 4 and 5."""

from __future__ import annotations

import struct
from mmap import mmap
from typing import NamedTuple

_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_SONAME = 0, 1, 5, 14
_ET_DYN = 3
_MOST_DYNAMIC = 1 << 16
"""bytes of the dynamic section: thousands of entries"""
_LONGEST = 1024
"""bytes of a soname and its end"""


class Elf(NamedTuple):
    """A shared object."""

    machine: int
    """``e_machine``: 62 is x86-64, 183 AArch64"""
    wide: bool
    """whether it is of class ELFCLASS64"""
    soname: str
    """empty when it has none"""
    needed: tuple[str, ...]
    """the sonames that it needs"""


def read(data: bytes | mmap) -> Elf | None:
    """The shared object in ``data``, a whole file; None when it is not one, or damaged."""
    if data[:4] != b"\x7fELF" or len(data) < 52 or data[4] not in (1, 2) or data[5] not in (1, 2):
        return None
    try:
        return _read(data, wide=data[4] == 2, order="<" if data[5] == 1 else ">")
    except (struct.error, ValueError, OverflowError):
        return None


def _read(data: bytes | mmap, *, wide: bool, order: str) -> Elf | None:
    kind, machine = struct.unpack_from(order + "HH", data, 16)
    if kind != _ET_DYN:
        return None
    if wide:
        (headers,) = struct.unpack_from(order + "Q", data, 32)
        size, count = struct.unpack_from(order + "HH", data, 54)
    else:
        (headers,) = struct.unpack_from(order + "I", data, 28)
        size, count = struct.unpack_from(order + "HH", data, 42)
    loads: list[tuple[int, int, int]] = []
    dynamic = None
    for number in range(count):
        at = headers + number * size
        if wide:
            segment, _, offset, address, _, length = struct.unpack_from(order + "IIQQQQ", data, at)
        else:
            segment, offset, address, _, length = struct.unpack_from(order + "IIIII", data, at)
        if segment == _PT_LOAD:
            loads.append((address, offset, length))
        elif segment == _PT_DYNAMIC:
            dynamic = (offset, length)
    if dynamic is None:
        return None
    table = soname = None
    needed: list[int] = []
    step, form = (16, order + "qQ") if wide else (8, order + "iI")
    for at in range(dynamic[0], dynamic[0] + min(dynamic[1], _MOST_DYNAMIC), step):
        tag, value = struct.unpack_from(form, data, at)
        if tag == _DT_NULL:
            break
        if tag == _DT_STRTAB:
            table = value
        elif tag == _DT_SONAME:
            soname = value
        elif tag == _DT_NEEDED:
            needed.append(value)
    if soname is None and not needed:
        return Elf(machine, wide, "", ())
    strings = (
        next(
            (table - address + offset for address, offset, length in loads if address <= table < address + length), None
        )
        if table is not None
        else None
    )
    if strings is None:
        return None

    def text(place: int) -> str:
        found = data[strings + place : strings + place + _LONGEST]
        return bytes(found[: found.index(b"\0")]).decode("utf-8")

    return Elf(machine, wide, "" if soname is None else text(soname), tuple(text(place) for place in needed))
