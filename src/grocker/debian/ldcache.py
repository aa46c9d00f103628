"""``/etc/ld.so.cache``: the library for each soname, as written by ldconfig.

Source: glibc, elf/ldconfig.c (search_dirs), sysdeps/generic/dl-cache.h (struct cache_file_new, version 1.1),
elf/dl-cache.c (_dl_cache_libcmp). Subdirectories ``glibc-hwcaps`` are left out: the loader then takes the baseline.
"""

from __future__ import annotations

import fnmatch
import posixpath
import struct
from collections.abc import Iterable, Mapping
from functools import cmp_to_key

import msgspec

from grocker.debian.facts import Library
from grocker.debian.paths import merge_usr
from grocker.regex import regex

_MAGIC = b"glibc-ld.so.cache1.1"
_LITTLE_ENDIAN = 2
_FLAGS: dict[tuple[int, bool], int] = {
    (3, False): 0x0003,  # i386: FLAG_ELF_LIBC6
    (40, False): 0x0903,  # ARM, hard float
    (62, True): 0x0303,  # x86-64: FLAG_X8664_LIB64
    (183, True): 0x0A03,  # AArch64
    (243, True): 0x1003,  # RISC-V, double float
}
"""The entry's flags by ELF machine and class (sysdeps/generic/ldconfig.h)."""

_DEFAULT = ("/lib", "/usr/lib")
_SKIPPED = regex(r".*-gdb\.py\Z|.*\.dpkg-(?:new|tmp)\Z|.*\.so\.[^;]*;")


class CacheEntry(msgspec.Struct, frozen=True):
    """One line of ``ldconfig -p``."""

    soname: str
    path: str
    """absolute, as the loader opens it"""
    flags: int


class Scan(msgspec.Struct, frozen=True):
    """The result of ldconfig."""

    entries: tuple[CacheEntry, ...]
    """in the cache's order"""
    links: Mapping[str, str]
    """links to create because a soname has no file of that name: path (merged) → target"""


def directories(contents: Mapping[str, bytes], architecture_directory: str) -> tuple[str, ...]:
    """The directories that ldconfig searches, as ``/etc/ld.so.conf`` spells them, then the loader's own.

    ``contents``: by path, ``etc/ld.so.conf`` and what it includes.
    ``architecture_directory``: Debian's multiarch name (``x86_64-linux-gnu``).
    """
    found: dict[str, str] = {}
    own = tuple(f"{root}/{architecture_directory}" for root in _DEFAULT)
    for path in (*_configured("etc/ld.so.conf", contents, 0), *own, *_DEFAULT):
        found.setdefault(merge_usr(path.strip("/")), path.rstrip("/"))
    return tuple(found.values())


def _configured(name: str, contents: Mapping[str, bytes], depth: int) -> Iterable[str]:
    for line in contents.get(name, b"").decode("utf-8", "replace").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("include") and depth < 8:
            for pattern in text.split()[1:]:
                pattern = posixpath.join(posixpath.dirname(name), pattern).lstrip("/")
                for included in sorted(fnmatch.filter(contents, pattern)):
                    yield from _configured(included, contents, depth + 1)
        elif text.startswith("/"):
            yield text.partition("=")[0].strip()


def scan(libraries: Iterable[Library], searched: Iterable[str]) -> Scan:
    """Scan ``libraries`` as ldconfig does; ``searched``: the result of ``directories``."""
    by_path = {library.path: library for library in libraries}
    by_directory: dict[str, list[Library]] = {}
    for path in sorted(by_path):
        by_directory.setdefault(posixpath.dirname(path), []).append(by_path[path])
    entries: list[CacheEntry] = []
    links: dict[str, str] = {}
    for directory in searched:
        chosen: dict[str, tuple[str, bool, int]] = {}
        where = merge_usr(directory.strip("/"))
        for library in by_directory.get(where, ()):
            found = _resolved(library, by_path)
            name = posixpath.basename(library.path)
            flags = None if found is None else _FLAGS.get((found.machine, found.wide))
            if found is None or flags is None or _SKIPPED.match(name):
                continue
            soname = found.soname or name
            is_link = bool(library.target)
            if is_link and name != soname and not (name.endswith(".so") and soname.startswith(name)):
                is_link = False
            if is_link:
                soname = name
            earlier = chosen.get(soname)
            if (
                earlier is None
                or (not is_link and earlier[1])
                or (is_link == earlier[1] and compare(earlier[0], name) < 0)
            ):
                chosen[soname] = (name, is_link, flags)
        for soname, (name, is_link, flags) in chosen.items():
            if not is_link and soname != name and f"{where}/{soname}" not in by_path:
                links[f"{where}/{soname}"] = name
            entries.append(CacheEntry(soname, f"{directory}/{soname}", flags))
    # add_to_cache keeps its list sorted, with a new entry after equal ones.
    entries.sort(key=cmp_to_key(lambda a, b: compare(b.soname, a.soname) or a.flags - b.flags))
    return Scan(tuple(entries), links)


def _resolved(library: Library, by_path: Mapping[str, Library]) -> Library | None:
    """The file behind a link, or None when it dangles."""
    for _ in range(16):
        if not library.target:
            return library
        joined = posixpath.normpath(posixpath.join("/", posixpath.dirname(library.path), library.target))
        found = by_path.get(merge_usr(joined.lstrip("/")))
        if found is None:
            return None
        library = found
    return None


def compare(left: str, right: str) -> int:
    """Compare names in the order of the cache: digits compare as numbers, and sort after other characters."""
    i = j = 0
    a, b = left.encode() + b"\0", right.encode() + b"\0"
    while a[i]:
        if 48 <= a[i] <= 57:
            if not 48 <= b[j] <= 57:
                return 1
            first = second = 0
            while 48 <= a[i] <= 57:
                first, i = first * 10 + a[i] - 48, i + 1
            while 48 <= b[j] <= 57:
                second, j = second * 10 + b[j] - 48, j + 1
            if first != second:
                return first - second
        elif 48 <= b[j] <= 57:
            return -1
        elif a[i] != b[j]:
            return a[i] - b[j]
        else:
            i, j = i + 1, j + 1
    return a[i] - b[j]


def encode(entries: Iterable[CacheEntry]) -> bytes:
    """The cache file."""
    listed = tuple(entries)
    strings = bytearray()
    places: dict[str, int] = {}
    start = 48 + 24 * len(listed)
    for text in (text for entry in listed for text in (entry.soname, entry.path)):
        if text not in places:
            places[text] = start + len(strings)
            strings += text.encode() + b"\0"
    head = _MAGIC + struct.pack("<IIB3xI12x", len(listed), len(strings), _LITTLE_ENDIAN, 0)
    rows = (struct.pack("<iIIIQ", e.flags, places[e.soname], places[e.path], 0, 0) for e in listed)
    return head + b"".join(rows) + bytes(strings)
