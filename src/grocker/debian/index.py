"""The ``Packages`` index, parsed lazily. Pure.

Source: Debian Policy 5.3; wiki.debian.org/DebianRepository/Format, "Packages" indices.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from grocker.errors import CorruptError
from grocker.regex import regex


class PackageRecord(msgspec.Struct, frozen=True):
    """A binary package in the index: the fields that resolving and fetching need."""

    name: str
    version: str
    architecture: str
    path: str
    """relative to the archive's root: ``pool/…``"""
    size: int
    """bytes of the .deb"""
    sha256: str
    """64 hexadecimal digits"""
    depends: str = ""
    pre_depends: str = ""
    provides: str = ""
    conflicts: str = ""
    breaks: str = ""
    priority: str = "optional"
    essential: str = ""
    """``yes`` for a package that every Debian system has, and on which nothing need depend (Policy 3.8)"""


_FIELD = regex(
    rb"^(Package|Version|Architecture|Filename|Size|SHA256|Depends|Pre-Depends|Provides|Conflicts|Breaks|Priority|Essential):"
    rb"[ \t]*(.*(?:\n[ \t].*)*)",
    re.MULTILINE,
)
_FIRST = b"Package: "
_ESSENTIAL = b"\nEssential: yes"


class PackageIndex:
    """The packages of one index, by name.

    A build needs about a hundred of tens of thousands of stanzas: the start of each is found once, and a stanza is
    parsed on demand.
    """

    __slots__ = ("_cache", "_providing", "_starts", "_text", "suite")

    def __init__(self, suite: str, text: bytes | bytearray) -> None:
        """``text``: the file ``Packages``, decompressed."""
        self.suite = suite
        self._text = text
        self._starts = _starts(text)
        self._cache: dict[str, tuple[PackageRecord, ...]] = {}
        self._providing: list[tuple[int, bytes]] | None = None

    def records(self, name: str) -> tuple[PackageRecord, ...]:
        """All versions of the package of that name. Raises CorruptError for a malformed stanza."""
        found = self._cache.get(name)
        if found is None:
            starts = self._starts.get(name.encode(), ())
            found = self._cache[name] = tuple(self._record(start, self._end(start)) for start in starts)
        return found

    def providers(self, name: str) -> tuple[str, ...]:
        """Names of the packages that provide ``name``, sorted."""
        if self._providing is None:
            self._providing = list(_fields_provides(self._text))
        word = name.encode()
        places = [place for place, provided in self._providing if word in provided and word in _names(provided)]
        found = set()
        for place in places:
            start = self._text.rfind(b"\n\n", 0, place) + 2
            found.add(self._record(start if start > 1 else 0, self._end(place)).name)
        return tuple(sorted(found))

    def essential(self) -> tuple[str, ...]:
        """Names of the Essential packages, sorted."""
        found = set()
        place = self._text.find(_ESSENTIAL)
        while place >= 0:
            start = self._text.rfind(b"\n\n", 0, place) + 2
            found.add(self._record(start if start > 1 else 0, self._end(place)).name)
            place = self._text.find(_ESSENTIAL, place + 1)
        return tuple(sorted(found))

    def names(self) -> Iterator[str]:
        """Names of all packages, in no order."""
        return (name.decode("utf-8", "replace") for name in self._starts)

    def _end(self, place: int) -> int:
        """The end of the stanza around ``place``."""
        end = self._text.find(b"\n\n", place)
        return end if end >= 0 else len(self._text)

    def _record(self, start: int, end: int) -> PackageRecord:
        fields = dict(_FIELD.findall(self._text, start, end))
        get = fields.get
        try:
            return PackageRecord(
                fields[b"Package"].decode(),
                fields[b"Version"].decode(),
                fields[b"Architecture"].decode(),
                fields[b"Filename"].decode(),
                int(fields[b"Size"]),
                fields[b"SHA256"].decode(),
                get(b"Depends", b"").decode(),
                get(b"Pre-Depends", b"").decode(),
                get(b"Provides", b"").decode(),
                get(b"Conflicts", b"").decode(),
                get(b"Breaks", b"").decode(),
                get(b"Priority", b"optional").decode(),
                get(b"Essential", b"").decode(),
            )
        except KeyError as error:
            problem = f"has no {error.args[0].decode()}"
        except ValueError as error:
            problem = f"cannot be read: {error}"
        name = get(b"Package", b"(no name)").decode("utf-8", "replace")
        raise CorruptError(
            f"the index of {self.suite}: the stanza of {name} {problem}",
            hint="the mirror's archive is broken: use another mirror",
        )


def _starts(text: bytes | bytearray) -> dict[bytes, tuple[int, ...]]:
    """Where the stanzas of each package start."""
    found: dict[bytes, tuple[int, ...]] = {}
    start, length = 0, len(text)
    while start < length:
        end = text.find(b"\n\n", start)
        if end < 0:
            end = length
        if text.startswith(_FIRST, start):
            name = bytes(text[start + len(_FIRST) : text.find(b"\n", start, end)])
        else:  # the field is elsewhere in the stanza, or missing: then it does not describe a package
            name = dict(_FIELD.findall(text, start, end)).get(b"Package", b"")
        if name:
            found[name] = (*found.get(name, ()), start)
        start = end + 2
    return found


def _fields_provides(text: bytes | bytearray) -> Iterator[tuple[int, bytes]]:
    """The start and value of each field Provides."""
    place = text.find(b"\nProvides:")
    while place >= 0:
        match = _FIELD.match(text, place + 1)
        if match is not None:
            yield place, match[2]
        place = text.find(b"\nProvides:", place + 1)


def _names(provided: bytes) -> list[bytes]:
    return [one.split(b"(", 1)[0].strip() for one in provided.split(b",")]
