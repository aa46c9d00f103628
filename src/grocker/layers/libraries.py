"""Find shared libraries that wheels need and the image lacks, at the build and not at the first import.

A manylinux wheel contains most libraries that it needs and relies on a list of others (PEP 600). What it needs beyond
that (libGL, libxcb, …) is in some Debian package, which the user has to name.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from mmap import ACCESS_READ, mmap
from pathlib import Path

import msgspec

from grocker.debian import elf
from grocker.store.writing import storage
from grocker.tar.entry import Entry, File
from grocker.tar.writer import chunks


class Libraries(msgspec.Struct, frozen=True):
    """The sonames that a wheel's shared objects need and provide."""

    needed: tuple[str, ...]
    """sonames, sorted"""
    brought: tuple[str, ...]
    """sonames and file names, sorted"""


def read_libraries(entries: Iterable[Entry], scratch: Callable[[], AbstractContextManager[Path]]) -> Libraries:
    """Read the libraries of a wheel's entries; ``scratch``: gives a directory for those that are not in memory."""
    needed: set[str] = set()
    brought: set[str] = set()
    for entry in entries:
        name = posixpath.basename(entry.path)
        if not isinstance(entry, File) or ".so" not in name:
            continue
        found = elf.read(entry.data) if isinstance(entry.data, bytes) else _read_large(entry, scratch)
        if found is not None:
            needed.update(found.needed)
            brought |= {name, found.soname}
    return Libraries(tuple(sorted(needed)), tuple(sorted(brought - {""})))


def _read_large(entry: File, scratch: Callable[[], AbstractContextManager[Path]]) -> elf.Elf | None:
    """Read a library that may be larger than the memory: from a file, of which a few pages are looked at."""
    with scratch() as directory, (directory / "library").open("w+b") as stream:
        for number, chunk in enumerate(chunks(entry)):
            if not number and not chunk.startswith(b"\x7fELF"):
                return None
            with storage("writing to the cache", directory):
                stream.write(chunk)
        stream.flush()
        if not stream.tell():
            return None
        with mmap(stream.fileno(), 0, access=ACCESS_READ) as data:
            return elf.read(data)


def find_missing(
    wheels: Mapping[str, Libraries], provided: Callable[[], Collection[str]]
) -> dict[str, tuple[str, ...]]:
    """Return by wheel the sonames that neither a wheel nor Debian's packages have.

    ``provided`` returns the packages' sonames; called if a wheel needs some.
    """
    there = {name for one in wheels.values() for name in one.brought}
    if there.issuperset(name for one in wheels.values() for name in one.needed):
        return {}
    there |= set(provided())
    lacking = {wheel: tuple(name for name in one.needed if name not in there) for wheel, one in sorted(wheels.items())}
    return {wheel: names for wheel, names in lacking.items() if names}
