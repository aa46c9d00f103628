"""A store that looks into another machine's results for what it does not have, and notes what a build uses.

What it finds there becomes its own: small results at once, large files when their bytes are read. Each is checked
against its digest. Results are shared if their key is a digest of what they depend on; others are about this machine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from grocker.digest import Digest
from grocker.errors import CorruptError, GrockerError
from grocker.regex import regex
from grocker.store import packed_tree
from grocker.store.snapshot import LayerPiece, SharedFile, SharedResult, Snapshot
from grocker.store.store import Room, Store
from grocker.store.writing import Writer, require, storage, verify

_SHARED = regex(r"[0-9a-f]{64}|signed-[a-z0-9-]+")
_ACTION = "writing to the cache"
WHEEL = "application/vnd.grocker.cache.wheel.v1+zip"
TREE = "application/vnd.grocker.cache.tree.v1.tar+gzip"


class Upstream(Protocol):
    """Another machine's results. Thread safe. Only ``read`` raises."""

    def result(self, room: Room, key: str) -> bytes | None:
        """Return the small result of that key."""

    def size(self, digest: Digest) -> int | None:
        """Bytes of a large file, None if there is none with that digest."""

    def piece(self, key: str) -> LayerPiece | None:
        """Where the member of that key is."""

    def tree(self, key: str) -> Digest | None:
        """Return the large file in which the tree of that key is packed."""

    def read(self, digest: Digest) -> Iterator[bytes]:
        """Read a large file, unchecked. Raises GrockerError."""


class _Nothing:
    """An upstream that has nothing."""

    def result(self, room: Room, key: str) -> bytes | None:
        return None

    def size(self, digest: Digest) -> int | None:
        return None

    def piece(self, key: str) -> LayerPiece | None:
        return None

    def tree(self, key: str) -> Digest | None:
        return None

    def read(self, digest: Digest) -> Iterator[bytes]:
        return iter(())


class SharingStore(Store):
    """The store at the place of another one, with an upstream."""

    def __init__(
        self, store: Store, upstream: Upstream | None, warn: Callable[[GrockerError], object] = lambda _: None
    ) -> None:
        """``warn`` hears why the upstream is used no longer."""
        super().__init__(store.root)
        self._warn = warn
        self._giving_up = threading.Lock()
        """several threads fetch, and one of them warns"""
        self._upstream: Upstream = upstream or _Nothing()
        self._results: dict[str, bytes] = {}
        self._layers: dict[Digest, tuple[tuple[str, int, int], ...]] = {}
        self._wheels: dict[Digest, int] = {}
        self.trees: set[str] = set()
        """keys of the trees that are worth sharing"""
        self.made: set[str] = set()
        """names of small results that this build made, as in ``Snapshot.results``"""
        self.has_new_answers = False
        """whether an archive or an index was asked"""
        self.failure: GrockerError | None = None
        """why the upstream is used no longer"""

    def used(self, today: int) -> Snapshot:
        """Return what builds with this store used or made, without their layers' sizes. ``today``: days since 1970."""
        return Snapshot(
            {name: SharedResult(today, data) for name, data in self._results.items()},
            {digest: SharedFile(today, size, WHEEL) for digest, size in self._wheels.items()},
            {
                key: LayerPiece(layer, offset, size)
                for layer, members in self._layers.items()
                for key, offset, size in members
            },
        )

    # -- small results --------------------------------------------------------------------------------------------

    def kept(self, room: Room, key: str) -> bytes | None:
        """See Store.kept."""
        data = super().kept(room, key)
        if not _is_shared(room, key):
            return data
        if data is None:
            data = self._upstream.result(room, key)
            # A member's description is kept when its bytes are.
            if data is not None and room == "steps":
                super().keep(room, key, data)
        if data is not None:
            self._results[f"{room}/{key}"] = data
        return data

    def copies(self, room: Room, key: str) -> Iterator[bytes]:
        """See Store.copies."""
        yield from super().copies(room, key)
        other = self._upstream.result(room, key)
        if other is not None:
            yield other

    def keep(self, room: Room, key: str, data: bytes) -> None:
        """See Store.keep."""
        super().keep(room, key, data)
        if _is_shared(room, key):
            self._results[f"{room}/{key}"] = data
            self.made.add(f"{room}/{key}")

    def keep_answer(self, key: str, data: bytes) -> None:
        """See Store.keep_answer."""
        super().keep_answer(key, data)
        self.has_new_answers = True

    # -- large files ------------------------------------------------------------------------------------------------

    def blob(self, digest: Digest, size: int | None = None) -> Path | None:
        """See Store.blob."""
        found = super().blob(digest, size)
        if found is None and self._upstream.size(digest) is not None:
            self._fetch(digest, self._blob_path(digest))
            found = super().blob(digest, size)
        return found

    def has_blob(self, digest: Digest, size: int) -> bool:
        """See Store.has_blob."""
        return super().has_blob(digest, size) or self._upstream.size(digest) == size

    def use_layer(self, digest: Digest, members: Iterable[tuple[str, int, int]]) -> None:
        """See Store.use_layer."""
        self._layers[digest] = tuple(members)

    def built_wheel(self, digest: Digest) -> Path | None:
        """See Store.built_wheel."""
        found = super().built_wheel(digest)
        if found is None and self._upstream.size(digest) is not None:
            self._fetch(digest, self._download_path(digest))
            found = super().built_wheel(digest)
        if found is not None:
            self._wheels[digest] = found.stat().st_size
        return found

    def member_size(self, key: str) -> int | None:
        """See Store.member_size."""
        found = super().member_size(key)
        piece = self._upstream.piece(key) if found is None else None
        return found if piece is None else piece.size

    def open_member(self, key: str) -> BinaryIO:
        """See Store.open_member."""
        if super().member_size(key) is None:
            self._cut_member(key)
        return super().open_member(key)

    def tree(self, key: str) -> Path | None:
        """See Store.tree."""
        found = super().tree(key)
        packed = self._upstream.tree(key) if found is None else None
        if packed is None:
            return found
        with self.lock(f"shared-tree-{key}"):
            if super().tree(key) is None:
                self._fetch_tree(key, packed)
        return super().tree(key)

    def share_tree(self, key: str) -> None:
        """See Store.share_tree."""
        self.trees.add(key)

    def pack_tree(self, key: str) -> tuple[Digest, int]:
        """Pack the tree into a blob; return its digest and size. MissingError when there is no such tree."""
        tree = require(super().tree(key), f"the tree {key}")
        with self.new_blob() as writer:
            packed_tree.pack(tree, writer)
        return writer.hashing.digest(), writer.hashing.size

    def _fetch_tree(self, key: str, digest: Digest) -> None:
        with self.scratch() as scratch:
            packed = scratch / "packed"
            self._fetch(digest, packed)
            if not packed.exists():
                return
            try:
                with open(packed, "rb") as stream, self.new_tree(key) as tree:
                    packed_tree.unpack(stream, tree)
            except CorruptError as error:
                self._give_up(error)

    def _cut_member(self, key: str) -> None:
        """Take a member out of its layer: the other members of a layer are needed with it."""
        piece, described = self._upstream.piece(key), self._upstream.result("members", key)
        layer = self.blob(piece.layer) if piece is not None else None
        if piece is None or layer is None or described is None:
            return
        with storage(_ACTION, layer), open(layer, "rb") as stream, self.new_member(key) as writer:
            stream.seek(piece.offset)
            left = piece.size
            while left and (data := stream.read(min(left, 1 << 20))):
                writer.write(data)
                left -= len(data)
        super().keep("members", key, described)

    def _fetch(self, digest: Digest, target: Path) -> None:
        """Fetch a large file once, whoever else wants it. The first failure ends the use of the upstream."""
        with self.lock("shared-" + digest[7:23]):
            upstream, size = self._upstream, self._upstream.size(digest)
            if target.exists() or size is None:
                return
            try:
                with Writer(self._temporary(), action=_ACTION) as writer:
                    for chunk in upstream.read(digest):
                        writer.write(chunk)
                        if writer.hashing.size > size:
                            break
                    verify(writer.hashing, digest=digest, size=size, what="the shared cache")
                    writer.put(target)
            except GrockerError as error:
                self._give_up(error)

    def _give_up(self, error: GrockerError) -> None:
        with self._giving_up:
            is_first, self.failure = self.failure is None, error
        self._upstream = _Nothing()
        if is_first:
            self._warn(error)


def _is_shared(room: Room, key: str) -> bool:
    return room != "refs" and _SHARED.fullmatch(key) is not None
