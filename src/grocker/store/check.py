"""Check that everything in a store is what its name says.

It reads every byte: for tests, and for disks that may be faulty.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from grocker import digest as digests
from grocker.store.store import ROOMS, Store
from grocker.store.writing import digest_of

_FOREIGN = frozenset({"npm", "uv"})
"""in ``downloads``: the caches of other tools, which manage them themselves"""
_RECORDS = "source-"
"""in ``steps``: what is known of a project's files, which is not in JSON"""


class Problem(msgspec.Struct, frozen=True):
    """Something in the store that is not what its name says."""

    path: Path
    what: str
    """what is wrong with it, for people"""


class _Described(msgspec.Struct, frozen=True):
    """The fields of a member's description (``grocker.tar.member``) that its bytes are checked against."""

    key: str
    parts: tuple[tuple[int, int, int], ...]
    """bytes compressed, bytes plain, CRC-32 of the compressed bytes"""


def check(store: Store) -> tuple[Problem, ...]:
    """List everything that is wrong with a store, by room and name; nothing is changed.

    What a killed process left in ``tmp`` is not a problem: ``abandoned`` lists it. Neither is a member's file without a
    description: the process that wrote it was killed between the two, and the next one writes both again.
    """
    return (
        *_strangers(store),
        *_named_by_hash(store.root / "blobs" / "sha256"),
        *_named_by_hash(store.root / "downloads"),
        *_members(store),
        *_documents(store),
        *_references(store),
        *_trees(store.root / "trees"),
    )


def _strangers(store: Store) -> Iterator[Problem]:
    """List foreign files: directories that no build writes, and temporary files outside ``tmp``."""
    rooms = {room.partition("/")[0] for room in ROOMS}
    for path in sorted(store.root.iterdir()):
        if path.name not in rooms:
            yield Problem(path, "is not part of the store")
    for path in sorted((store.root / "blobs").iterdir()):
        if path.name != "sha256":
            yield Problem(path, "is not part of the store")


def _named_by_hash(room: Path) -> Iterator[Problem]:
    for path in sorted(room.iterdir()):
        if path.name in _FOREIGN and path.is_dir():
            continue
        try:
            found = digests.hexadecimal(digest_of(path))
        except OSError as error:
            yield Problem(path, f"cannot be read: {error.strerror}")
            continue
        if found != path.name:
            yield Problem(path, f"its hash is {found}")


def _members(store: Store) -> Iterator[Problem]:
    for path in sorted((store.root / "members").iterdir()):
        if path.suffix == ".gz":
            continue
        described = store.kept_as("members", path.name, _Described)
        if described is None:
            yield Problem(path, "is not a member's description, or is damaged")
            continue
        if described.key != path.name:
            yield Problem(path, f"describes {described.key}")
        problem = _parts(store.member(path.name), described)
        if problem is not None:
            yield Problem(store.member(path.name), problem)


def _parts(path: Path, described: _Described) -> str | None:
    import deflate

    try:
        stream = open(path, "rb")
    except FileNotFoundError:
        return "is missing, although its description exists"
    with stream:
        for number, (compressed, plain, crc) in enumerate(described.parts):
            data = stream.read(compressed)
            if len(data) != compressed:
                return f"is truncated in part {number}"
            if deflate.crc32(data, 0) != crc:
                return f"part {number}: checksum mismatch"
            try:
                size = len(deflate.gzip_decompress(data))
            except (deflate.DeflateError, ValueError) as error:
                return f"part {number}: {error}"
            if size != plain:
                return f"part {number}: expected {plain} bytes, got {size}"
        return "is longer than described" if stream.read(1) else None


def _documents(store: Store) -> Iterator[Problem]:
    for path in sorted((store.root / "steps").iterdir()):
        data = store.kept("steps", path.name)
        if data is None:
            yield Problem(path, "is damaged")
        elif not path.name.startswith(_RECORDS):
            try:
                msgspec.json.decode(data)
            except msgspec.DecodeError as error:
                yield Problem(path, f"is not JSON: {error}")


def _references(store: Store) -> Iterator[Problem]:
    """Check references: each has an image's name and the digest of its manifest, which exists."""
    for path in sorted((store.root / "refs").iterdir()):
        try:
            digest = digests.parse(path.read_bytes().rpartition(b" ")[2].decode().rstrip("\n"))
        except ValueError:
            yield Problem(path, "has no digest")
            continue
        if store.blob(digest) is None:
            yield Problem(path, f"refers to {digest}, which is missing")


def _trees(room: Path) -> Iterator[Problem]:
    for path in sorted(room.iterdir()):
        if not path.is_dir() or not any(path.iterdir()):
            yield Problem(path, "is not a tree")
