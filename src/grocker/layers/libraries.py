"""Find shared libraries that wheels need and the image lacks, at the build and not at the first import.

A manylinux wheel contains most libraries that it needs and relies on a list of others (PEP 600). What it needs beyond
that (libGL, libxcb, …) is in some Debian package, which the user has to name.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Mapping

import msgspec

from grocker.debian import elf
from grocker.tar.entry import Entry, File
from grocker.tar.writer import chunks


class Libraries(msgspec.Struct, frozen=True):
    """The sonames that a wheel's shared objects need and provide."""

    needed: tuple[str, ...]
    """sonames, sorted"""
    brought: tuple[str, ...]
    """sonames and file names, sorted"""


def read_libraries(entries: Iterable[Entry]) -> Libraries:
    """Read the libraries of a wheel's entries."""
    needed: set[str] = set()
    brought: set[str] = set()
    for entry in entries:
        name = posixpath.basename(entry.path)
        if not isinstance(entry, File) or ".so" not in name:
            continue
        found = elf.read(b"".join(chunks(entry)))
        if found is not None:
            needed.update(found.needed)
            brought |= {name, found.soname}
    return Libraries(tuple(sorted(needed)), tuple(sorted(brought - {""})))


def find_missing(wheels: Mapping[str, Libraries], provided: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return by wheel the sonames that neither a wheel nor ``provided``, the Debian packages' sonames, has."""
    there = {name for one in wheels.values() for name in one.brought} | set(provided)
    lacking = {wheel: tuple(name for name in one.needed if name not in there) for wheel, one in sorted(wheels.items())}
    return {wheel: names for wheel, names in lacking.items() if names}
