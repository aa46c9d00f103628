"""Layers: members, concatenated.

A layer is, in this order: one gzip member with every directory of the layer, each named once; the members; one gzip
member with the end-of-archive marker. A changed dependency is the only one to be recompressed; the digest of the
layer is computed while its parts stream by. Source: OCI image specification, layer.md; a series of gzip members is one
gzip file (RFC 1952, section 2.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from grocker.digest import Digest, Hashing
from grocker.errors import CorruptError
from grocker.store import Store
from grocker.tar import member as members
from grocker.tar.entry import Directory, parents
from grocker.tar.member import Member
from grocker.tar.writer import END_OF_ARCHIVE, segment


class ComposedLayer(msgspec.Struct, frozen=True):
    """A layer with known digests; its bytes are in the store, or can be composed again."""

    digest: Digest
    """of the compressed bytes"""
    diff_id: Digest
    """of the tar"""
    size: int
    """compressed bytes"""
    plain: int
    """bytes of the tar"""
    members: tuple[tuple[str, int, int], ...] = ()
    """where its members are in it: key, offset and compressed bytes"""


def compose(
    store: Store, parts: Iterable[Member], *, lower: Mapping[str, Directory], epoch: int
) -> tuple[ComposedLayer, dict[str, Directory]]:
    """Compose members into a layer in the store.

    ``lower``: the directories of the layers below; a directory that this layer has to repeat keeps its attributes.
    Returns the layer and the directories of the layers below and this one. Raises CorruptError when two members have
    the same path, or one has a file where another has a directory (the caller resolves such conflicts), and when a
    member is damaged: all damaged members of the layer are deleted, so that the next build makes them again.
    """
    listed = tuple(parts)
    directories = merged_directories(listed, lower)
    _refuse_conflicts(listed, directories, lower)
    plain_hash = Hashing()
    with store.new_blob() as blob:

        def add(compressed: bytes | bytearray, plain: bytes | bytearray) -> None:
            plain_hash.update(plain)
            blob.write(compressed)

        places: list[tuple[str, int, int]] = []
        head = b"".join(segment((directories[p] for p in sorted(directories)), epoch=epoch))
        add(members.compress(head), head)
        try:
            for part in listed:
                places.append((part.key, blob.hashing.size, part.compressed))
                for compressed, plain in members.read_parts(store, part):
                    add(compressed, plain)
        except CorruptError:
            members.delete_damaged(store, listed)
            raise
        add(members.compress(END_OF_ARCHIVE), END_OF_ARCHIVE)
    layer = ComposedLayer(
        digest=blob.hashing.digest(),
        diff_id=plain_hash.digest(),
        size=blob.hashing.size,
        plain=plain_hash.size,
        members=tuple(places),
    )
    return layer, {**lower, **directories}


def merged_directories(parts: Iterable[Member], lower: Mapping[str, Directory]) -> dict[str, Directory]:
    """Every directory that the members contain, and the parents of all their paths.

    Where members disagree, one that is not 0755 and root's wins; of several such, the first by subject. A parent that
    no member contains is as in the layers below, or else 0755 and root's.
    """
    found: dict[str, Directory] = {}
    for part in sorted(parts, key=lambda m: (m.subject, m.key)):
        for path, mode, uid, gid in part.directories:
            candidate = Directory(path, mode, uid, gid)
            known = found.get(path)
            if known is None or known == Directory(path):
                found[path] = candidate
        for path in part.paths:
            for parent in parents(path):
                if parent in found:
                    break
                found[parent] = Directory(parent)
    for path in list(found):
        for parent in parents(path):
            if parent in found:
                break
            found[parent] = Directory(parent)
    return {path: lower.get(path, d) if d == Directory(path) else d for path, d in found.items()}


def _refuse_conflicts(
    parts: Sequence[Member], directories: Mapping[str, Directory], lower: Mapping[str, Directory]
) -> None:
    hint = "remove one of the two, or ask their maintainers which one should have the file"
    owner: dict[str, Member] = {}
    for part in parts:
        for path in part.paths:
            other = owner.setdefault(path, part)
            if other is not part:
                raise CorruptError(f"{other.subject} and {part.subject} both contain /{path}", hint=hint)
            if path in lower:
                raise CorruptError(
                    f"/{path} is a file or link in {part.subject}, but a directory in the layers below",
                    hint=hint,
                )
    for path in sorted(owner.keys() & directories.keys()):
        inside = next(part for part in parts if _has_inside(part, path))
        raise CorruptError(
            f"/{path} is a file or link in {owner[path].subject}, but a directory in {inside.subject}", hint=hint
        )


def _has_inside(part: Member, directory: str) -> bool:
    """Whether a member treats ``directory`` as a directory."""
    named = (path + "/" for path, *_ in part.directories)
    return any(path.startswith(directory + "/") for path in (*named, *part.paths))
