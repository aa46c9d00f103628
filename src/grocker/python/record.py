"""RECORD, the list of a distribution's files with their hashes (recording installed projects; PEP 376)."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from collections.abc import Iterable, Mapping

import msgspec

from grocker.errors import CorruptError

_STRONG = frozenset({"sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512", "blake2b", "blake2s"})


class Hash(msgspec.Struct, frozen=True):
    """An algorithm that hashlib knows and the digest as RECORD writes it (urlsafe base64, no padding)."""

    algorithm: str
    value: str


def parse(data: bytes, file: str) -> Mapping[str, Hash | None]:
    """RECORD's paths with their hashes; None where none is given.

    ``file``: the wheel's name, for errors. Raises CorruptError for a malformed line, a path listed twice with
    different hashes, or a hash weaker than sha256.
    """
    found: dict[str, Hash | None] = {}
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))
    except (csv.Error, UnicodeDecodeError) as error:
        raise CorruptError(f"reading {file}: RECORD: {error}") from error
    for number, row in enumerate(rows, 1):
        if not row:
            continue
        if len(row) != 3:
            raise CorruptError(f"reading {file}: RECORD, line {number}: expected 3 fields, got {len(row)}")
        path, hashed = row[0], row[1]
        value: Hash | None = None
        if hashed:
            algorithm, equals, digest = hashed.partition("=")
            if not equals or algorithm not in _STRONG:
                raise CorruptError(
                    f"reading {file}: RECORD, line {number}: expected a hash of at least sha256, got {hashed!r}"
                )
            value = Hash(algorithm, digest.rstrip("="))
        if path in found and found[path] != value:
            raise CorruptError(f"reading {file}: RECORD lists {path} twice, with different hashes")
        found[path] = value
    return found


def encoded(digest: bytes) -> str:
    """A digest as RECORD writes it."""
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def line_hash(data: bytes) -> str:
    """``sha256=…`` of ``data``."""
    return "sha256=" + encoded(hashlib.sha256(data).digest())


def write(rows: Iterable[tuple[str, str, int]], own_path: str) -> bytes:
    """RECORD of (path, ``sha256=…``, size) rows, sorted, with its own line, which has neither hash nor size."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    lines: list[tuple[str, str, str]] = [(path, hashed, str(size)) for path, hashed, size in rows]
    writer.writerows(sorted([*lines, (own_path, "", "")]))
    return text.getvalue().encode("utf-8")
