"""Shared libraries that hold nothing but their name: as much of an ELF file as ldconfig reads."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def library(soname: str, machine: int = 62, needed: Sequence[str] = ()) -> bytes:
    """A 64-bit shared object of ``machine`` (62: x86-64, 183: AArch64); without a soname when it is empty.

    ``needed``: the sonames of the libraries that it asks for.
    """
    strings = b"\0" + soname.encode() + b"\0"
    headers, dynamic = 64, 64 + 2 * 56
    rows = [(14, 1)] if soname else []
    for name in needed:
        rows.append((1, len(strings)))
        strings += name.encode() + b"\0"
    table = b"".join(struct.pack("<qQ", *row) for row in [*rows, (5, dynamic + 16 * (len(rows) + 2)), (0, 0)])
    size = dynamic + len(table) + len(strings)
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head = ident + struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, headers, 0, 0, 64, 56, 2, 64, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, size, size, 4096)
    where = struct.pack("<IIQQQQQQ", 2, 4, dynamic, dynamic, dynamic, len(table), len(table), 8)
    return head + load + where + table + strings
