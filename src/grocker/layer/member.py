"""Members: what one package or wheel contributes to a layer, compressed once and kept.

A member is a tar segment without its directories, cut into parts of at most PART bytes, each part one gzip member
(RFC 1952, section 2.2: a file is a series of them). Its directories stand in its description, because a layer names
each directory once, before all files (``compose.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from grocker.layer.entry import Directory, Entry
from grocker.layer.tar import ordered, segment
from grocker.store import Store

LAYOUT = 1
"""The version of everything that decides a layer's bytes besides its inputs: part size, compression, entry rules."""
LEVEL = 6
"""libdeflate's level"""
PART = 16 << 20
"""bytes, uncompressed"""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One gzip member."""

    compressed: int
    """bytes"""
    plain: int
    """bytes"""


class Member(msgspec.Struct, frozen=True):
    """The description of a member that lies in the store."""

    key: str
    subject: str
    """what it was made of, for people: ``libc6 2.41-12``"""
    parts: tuple[Part, ...]
    directories: tuple[tuple[str, int, int, int], ...]
    """path, mode, uid, gid; sorted by path"""
    paths: tuple[str, ...]
    """every path that is no directory; sorted"""
    note: msgspec.Raw = msgspec.Raw(b"null")
    """what its maker wants to know of it later without reading it: a JSON document"""

    @property
    def compressed(self) -> int:
        """bytes"""
        return sum(p.compressed for p in self.parts)

    @property
    def plain(self) -> int:
        """bytes"""
        return sum(p.plain for p in self.parts)


def kept(store: Store, key: str) -> Member | None:
    """The member of that key, when its bytes are there too."""
    data = store.kept("members", key)
    if data is None or not store.member(key).exists():
        return None
    return msgspec.json.decode(data, type=Member)


def make(
    store: Store,
    key: str,
    entries: Iterable[Entry],
    *,
    subject: str,
    epoch: int,
    note: bytes = b"null",
) -> Member:
    """Compress the entries into the store; ``note`` is a JSON document, ``epoch`` in seconds.

    No two entries have one path; which of two wins is the caller's rule.
    Raises StorageError, CannotWriteError.
    """
    in_order = ordered(entries)
    parts: list[Part] = []
    with store.new_member(key) as stream:
        for plain in _parts(segment((e for e in in_order if not isinstance(e, Directory)), epoch=epoch)):
            compressed = compress(plain)
            stream.write(compressed)
            parts.append(Part(len(compressed), len(plain)))
    member = Member(
        key=key,
        subject=subject,
        parts=tuple(parts),
        directories=tuple((e.path, e.mode, e.uid, e.gid) for e in in_order if isinstance(e, Directory)),
        paths=tuple(e.path for e in in_order if not isinstance(e, Directory)),
        note=msgspec.Raw(note),
    )
    store.keep("members", key, msgspec.json.encode(member))
    return member


def read(store: Store, member: Member) -> Iterator[tuple[bytes, bytes]]:
    """The member's parts, each as (compressed, plain) bytes.

    Raises CorruptError when the file in the store is damaged.
    """
    import deflate

    from grocker.errors import CorruptError

    with open(store.member(member.key), "rb") as stream:
        for part in member.parts:
            compressed = stream.read(part.compressed)
            try:
                plain = deflate.gzip_decompress(compressed)
            except deflate.DeflateError as error:
                plain = b""
                raise CorruptError(
                    f"the cached member {store.member(member.key)} is damaged: {error}", hint="remove it and build again"
                ) from error
            yield compressed, bytes(plain)


def compress(plain: bytes) -> bytes:
    """One gzip member, the same on every host: libdeflate's output does not depend on the CPU, unlike isal's."""
    import deflate

    return bytes(deflate.gzip_compress(plain, LEVEL))


def _parts(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """``blocks`` regathered into parts of PART bytes, the last one smaller."""
    gathered: list[bytes] = []
    size = 0
    for block in blocks:
        view = memoryview(block)
        while size + len(view) >= PART:
            room = PART - size
            gathered.append(bytes(view[:room]))
            yield b"".join(gathered)
            gathered, size, view = [], 0, view[room:]
        if len(view):
            gathered.append(bytes(view) if len(view) != len(block) else block)
            size += len(view)
    if gathered:
        yield b"".join(gathered)
