"""Members: what one package or wheel contributes to a layer, compressed once and stored.

A member is a tar segment without its directories, cut into parts of at most PART bytes, each part one gzip member
(RFC 1952, section 2.2: a file is a series of them). Its directories are in its description, because a layer names
each directory once, before all files (``compose.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import NoReturn

import msgspec

from grocker.errors import CorruptError
from grocker.store import Store
from grocker.tar.entry import Directory, Entry, Whiteout, parents, path_problem
from grocker.tar.writer import segment, sort_entries

LEVEL = 3
"""libdeflate's level"""
PART = 4 << 20
"""bytes, uncompressed; also how much a reader of SOCI's tables fetches for one file (``ztoc.py``)"""


class MemberPart(msgspec.Struct, frozen=True, array_like=True):
    """One gzip member."""

    compressed: int
    """bytes"""
    plain: int
    """bytes"""
    crc: int
    """CRC-32 of the compressed bytes; gzip's own does not cover its header"""


class Member(msgspec.Struct, frozen=True):
    """The description of a member in the store."""

    key: str
    subject: str
    """what it was made from, for messages: ``libc6 2.41-12``"""
    parts: tuple[MemberPart, ...]
    directories: tuple[tuple[str, int, int, int], ...]
    """path, mode, uid, gid; sorted by path"""
    paths: tuple[str, ...]
    """all other paths; sorted"""
    note: msgspec.Raw = msgspec.Raw(b"null")
    """facts that its maker needs later without reading it: a JSON document"""

    @property
    def compressed(self) -> int:
        """bytes"""
        return sum(p.compressed for p in self.parts)

    @property
    def plain(self) -> int:
        """bytes"""
        return sum(p.plain for p in self.parts)


def find_member(store: Store, key: str) -> Member | None:
    """The member with that key, if its description is readable and its size right; ``read_parts`` checks more."""
    member = store.kept_as("members", key, Member)
    if member is None or member.key != key:
        return None
    return member if store.member_size(key) == member.compressed else None


def find_or_make(store: Store, key: str, making: Callable[[], Member]) -> Member:
    """The member with that key, or else the result of ``making``; of concurrent builds, one makes it."""
    found = find_member(store, key)
    if found is None:
        with store.lock(f"member-{key}"):
            found = find_member(store, key) or making()
    return found


def make_member(
    store: Store,
    key: str,
    entries: Iterable[Entry],
    *,
    subject: str,
    epoch: int,
    note: bytes = b"null",
    part: int = PART,
) -> Member:
    """Compress the entries into the store; ``note`` is a JSON document, ``epoch`` in seconds.

    ``part``: bytes of a part, uncompressed; values other than PART are for tests, since keys do not depend on it.

    No two entries may have the same path: the caller resolves conflicts. Raises StorageError, CannotWriteError, and
    CorruptError for an unsafe path: this is the last check of what archives contain.
    """
    in_order = sort_entries(entries)
    _refuse_wrong(in_order, subject)
    parts: list[MemberPart] = []
    with store.new_member(key) as stream:
        for plain in _parts(segment((e for e in in_order if not isinstance(e, Directory)), epoch=epoch), part):
            compressed = compress(plain)
            stream.write(compressed)
            parts.append(MemberPart(len(compressed), len(plain), _crc(compressed)))
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


def read_parts(store: Store, member: Member) -> Iterator[tuple[bytes, bytes | bytearray]]:
    """The member's parts, each as (compressed, plain) bytes.

    Raises CorruptError when the file in the store is damaged; it is deleted, so that the next build makes it again.
    """
    for part, compressed in zip(member.parts, _compressed(store, member), strict=True):
        yield compressed, _decompress(store, member, part, compressed)


def delete_damaged(store: Store, listed: Iterable[Member]) -> None:
    """Check all of these members, and delete the damaged ones."""
    for member in listed:
        try:
            for _ in _compressed(store, member):
                pass
        except CorruptError:
            continue


def compress(plain: bytes) -> bytes | bytearray:
    """One gzip member, the same on every host: libdeflate's output does not depend on the CPU, unlike isal's."""
    import deflate

    return deflate.gzip_compress(plain, LEVEL)


def _compressed(store: Store, member: Member) -> Iterator[bytes]:
    """The parts as stored, each verified by its checksum."""
    try:
        with store.open_member(member.key) as stream:
            for part in member.parts:
                compressed = stream.read(part.compressed)
                if len(compressed) != part.compressed or _crc(compressed) != part.crc:
                    _damaged(store, member, "does not match its checksum")
                yield compressed
    except OSError as error:
        _damaged(store, member, error.strerror or str(error))


def _decompress(store: Store, member: Member, part: MemberPart, compressed: bytes) -> bytes | bytearray:
    import deflate

    try:
        plain = deflate.gzip_decompress(compressed, part.plain)
    except (deflate.DeflateError, ValueError) as error:
        _damaged(store, member, str(error))
    if len(plain) != part.plain:
        _damaged(store, member, f"expands to {len(plain)} bytes instead of {part.plain}")
    return plain


def _damaged(store: Store, member: Member, reason: str) -> NoReturn:
    store.forget_member(member.key)
    raise CorruptError(
        f"reading {member.subject} from the cache: {store.member(member.key)} {reason}",
        hint="build again (the damaged file was deleted); if this recurs, check the disk under GROCKER_CACHE",
    )


def _crc(data: bytes | bytearray) -> int:
    import deflate

    return deflate.crc32(data, 0)


def _refuse_wrong(in_order: list[Entry], subject: str) -> None:
    hint = "remove the package, or report this to its maintainer"
    for entry in in_order:
        reason = path_problem(entry.hidden if isinstance(entry, Whiteout) else entry.path)
        if reason is not None:
            raise CorruptError(f"{subject}: path {entry.path!r} {reason}", hint=hint)
    for one, other in pairwise(in_order):
        if one.path == other.path:
            raise CorruptError(f"{subject} contains /{one.path} twice", hint=hint)
    files = {entry.path for entry in in_order if not isinstance(entry, Directory)}
    seen: set[str] = set()
    for entry in in_order:
        for parent in parents(entry.path):
            if parent in seen:
                break
            if parent in files:
                raise CorruptError(f"{subject}: /{entry.path} is below /{parent}, which is not a directory", hint=hint)
            seen.add(parent)


def _parts(blocks: Iterable[bytes], part: int) -> Iterator[bytes]:
    """``blocks`` regrouped into parts of ``part`` bytes, the last one smaller."""
    gathered: list[bytes | memoryview] = []
    size = 0
    for block in blocks:
        rest: bytes | memoryview = block
        while size + len(rest) >= part:
            view = memoryview(rest)
            gathered.append(view[: part - size])
            rest = view[part - size :]
            yield b"".join(gathered)
            gathered, size = [], 0
        if len(rest):
            gathered.append(rest)
            size += len(rest)
    if gathered:
        yield b"".join(gathered)
