"""RECORD, the list of a distribution's files with their hashes (recording installed projects; PEP 376)."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping

import msgspec

from grocker.errors import CorruptError
from grocker.tar.entry import File

_HINT = "choose another version, and tell its publisher"
_STRONG = frozenset({"sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512", "blake2b", "blake2s"})


class Hash(msgspec.Struct, frozen=True):
    """An algorithm that hashlib knows and the digest as RECORD writes it (urlsafe base64, no padding)."""

    algorithm: str
    value: str


UNUSABLE = Hash("", "")
"""a hash that says nothing"""


def parse(data: bytes, file: str, report: Callable[[str], None]) -> Mapping[str, Hash | None]:
    """RECORD's paths with their hashes; None where none is given, UNUSABLE for a weak one.

    ``file``: the wheel's name, for errors. ``report``: called with each deviation from the specification that leaves
    RECORD readable. Raises CorruptError when it is not, and what ``report`` raises.
    """
    found: dict[str, Hash | None] = {}
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))
    except (csv.Error, UnicodeDecodeError) as error:
        raise CorruptError(f"reading {file}: RECORD: {error}", hint=_HINT) from error
    for number, row in enumerate(rows, 1):
        if not row:
            continue
        if len(row) != 3:
            report(f"RECORD, line {number}: expected 3 fields, got {len(row)}")
        path, hashed, *_ = (*row, "")
        if "\\" in path or path.startswith("./"):
            report(f"RECORD, line {number}: {path!r} is not a normalised path")
            path = path.replace("\\", "/").removeprefix("./")
        value: Hash | None = None
        if hashed:
            algorithm, equals, digest = hashed.partition("=")
            if not equals or algorithm not in _STRONG:
                report(f"RECORD, line {number}: expected a hash of at least sha256, got {hashed!r}")
                value = UNUSABLE
            else:
                value = Hash(algorithm, digest.rstrip("="))
        if path in found and found[path] != value:
            report(f"RECORD lists {path} twice, with different hashes")
            value = UNUSABLE
        found[path] = value
    return found


def encoded(digest: bytes) -> str:
    """A digest as RECORD writes it."""
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def line_hash(data: bytes) -> str:
    """``sha256=…`` of ``data``."""
    return "sha256=" + encoded(hashlib.sha256(data).digest())


def hash_file(file: File) -> str:
    """``sha256=…`` of a file's bytes."""
    hashing = hashlib.sha256()
    for chunk in (file.data,) if isinstance(file.data, bytes) else file.data.chunks():
        hashing.update(chunk)
    return "sha256=" + encoded(hashing.digest())


def write(rows: Iterable[tuple[str, str, int]], own_path: str) -> bytes:
    """RECORD of (path, ``sha256=…``, size) rows, sorted, with its own line, which has neither hash nor size."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    lines: list[tuple[str, str, str]] = [(path, hashed, str(size)) for path, hashed, size in rows]
    writer.writerows(sorted([*lines, (own_path, "", "")]))
    return text.getvalue().encode("utf-8")
