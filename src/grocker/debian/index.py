"""The ``Packages`` index, and the form in which it is kept: decoded only where it is asked. Pure.

Source: Debian Policy 5.3; wiki.debian.org/DebianRepository/Format, "Packages" indices.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

FORMAT = 1
"""Changes whenever what is kept changes its meaning."""


class Record(msgspec.Struct, frozen=True, array_like=True):
    """A binary package as the index describes it: what resolving and fetching need, nothing else."""

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


class _Document(msgspec.Struct, frozen=True, array_like=True):
    records: dict[str, msgspec.Raw]
    providers: dict[str, tuple[str, ...]]


_decode_records = msgspec.msgpack.Decoder(tuple[Record, ...]).decode
_decode_document = msgspec.msgpack.Decoder(_Document).decode


class Index:
    """The packages of one index, by name; records are decoded when they are asked for."""

    __slots__ = ("_cache", "_document", "suite")

    def __init__(self, suite: str, document: _Document) -> None:
        self.suite = suite
        self._document = document
        self._cache: dict[str, tuple[Record, ...]] = {}

    def records(self, name: str) -> tuple[Record, ...]:
        """All versions of the package of that name."""
        found = self._cache.get(name)
        if found is None:
            raw = self._document.records.get(name)
            found = self._cache[name] = () if raw is None else _decode_records(raw)
        return found

    def providers(self, name: str) -> tuple[str, ...]:
        """Names of the packages that provide ``name``, sorted."""
        return self._document.providers.get(name, ())

    def names(self) -> Iterator[str]:
        """Names of all packages, in no order."""
        return iter(self._document.records)


_FIELD = re.compile(
    rb"^(Package|Version|Architecture|Filename|Size|SHA256|Depends|Pre-Depends|Provides|Conflicts|Breaks|Priority):"
    rb"[ \t]*(.*(?:\n[ \t].*)*)",
    re.MULTILINE,
)


def parse(data: bytes) -> bytes:
    """An index (``Packages``, decompressed) in the form that is kept; ``decode`` reads it.

    Raises ValueError when a stanza lacks a field that it must have.
    """
    records: dict[str, list[Record]] = {}
    providers: dict[str, set[str]] = {}
    for stanza in data.split(b"\n\n"):
        fields = dict(_FIELD.findall(stanza))
        if not fields:
            continue
        get = fields.get
        try:
            record = Record(
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
            )
        except KeyError as error:
            name = fields.get(b"Package", b"(no name)").decode("utf-8", "replace")
            raise ValueError(f"the stanza of {name} has no {error.args[0].decode()}") from error
        records.setdefault(record.name, []).append(record)
        if record.provides:
            for provided in record.provides.split(","):
                providers.setdefault(provided.split("(", 1)[0].strip(), set()).add(record.name)
    return msgspec.msgpack.encode(
        (
            {name: records[name] for name in sorted(records)},
            {name: sorted(providers[name]) for name in sorted(providers)},
        )
    )


def decode(suite: str, data: bytes) -> Index:
    """The index that ``parse`` made, as of ``suite``; msgspec.DecodeError when it is something else."""
    return Index(suite, _decode_document(data))
