"""The architectures that Grocker builds for, and what each is called elsewhere.

Sources: Debian Policy 9.1.1 (multiarch directories), ELF gABI (``e_machine``), PEP 600 (manylinux).
"""

from __future__ import annotations

import os

import msgspec


class Architecture(msgspec.Struct, frozen=True):
    """An architecture of Debian."""

    name: str
    """Debian's and OCI's name: ``amd64``"""
    machine: str
    """the kernel's name, as in uname(2), platform tags and markers: ``x86_64``"""
    triplet: str
    """name of the multiarch directory: ``x86_64-linux-gnu``"""
    loader: str
    """path of the dynamic loader, without a leading slash"""
    elf_machine: int
    """``e_machine`` of its ELF files"""
    oldest_glibc: int
    """minor version of the first glibc 2 that it has manylinux wheels for"""


ARCHITECTURES = {
    row.name: row
    for row in (
        Architecture("amd64", "x86_64", "x86_64-linux-gnu", "lib64/ld-linux-x86-64.so.2", 62, 5),
        Architecture("arm64", "aarch64", "aarch64-linux-gnu", "lib/ld-linux-aarch64.so.1", 183, 17),
    )
}
"""By name; the first is the default on a host of another architecture."""

BY_MACHINE = {row.machine: row for row in ARCHITECTURES.values()}
"""By the kernel's name."""


def is_foreign(architecture: str) -> bool:
    """Tell whether programs of ``architecture``, a name in ``ARCHITECTURES``, are not for this host's processor."""
    return ARCHITECTURES[architecture].machine != os.uname().machine
