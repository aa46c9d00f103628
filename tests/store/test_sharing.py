"""A store that looks into another machine's results."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker import digest as digests
from grocker.digest import Digest
from grocker.errors import UnavailableError
from grocker.store import Store
from grocker.store.sharing import SharingStore
from grocker.store.snapshot import LayerPiece
from grocker.store.store import Room
from grocker.tar import member as members
from grocker.tar.compose import compose
from grocker.tar.entry import File

KEY, OTHER = "a" * 64, "b" * 64


class Upstream:
    """What is in memory."""

    def __init__(self) -> None:
        self.results: dict[str, bytes] = {}
        self.files: dict[Digest, bytes] = {}
        self.sizes: dict[Digest, int] = {}
        self.pieces: dict[str, LayerPiece] = {}
        self.trees: dict[str, Digest] = {}
        self.reads: list[Digest] = []

    def add(self, data: bytes) -> Digest:
        digest = digests.of(data)
        self.files[digest], self.sizes[digest] = data, len(data)
        return digest

    def result(self, room: Room, key: str) -> bytes | None:
        return self.results.get(f"{room}/{key}")

    def size(self, digest: Digest) -> int | None:
        return self.sizes.get(digest)

    def piece(self, key: str) -> LayerPiece | None:
        return self.pieces.get(key)

    def tree(self, key: str) -> Digest | None:
        return self.trees.get(key)

    def read(self, digest: Digest) -> Iterator[bytes]:
        self.reads.append(digest)
        if digest not in self.files:
            raise UnavailableError("reading it: it is gone")
        yield self.files[digest]


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def sharing(store: Store, upstream: Upstream) -> Iterator[SharingStore]:
    with SharingStore(store, upstream) as opened:
        yield opened


def test_small_result_is_taken_once_and_is_there_without_the_upstream(
    store: Store, sharing: SharingStore, upstream: Upstream
) -> None:
    upstream.results[f"steps/{KEY}"] = b"result"
    assert sharing.kept("steps", KEY) == b"result"
    assert store.kept("steps", KEY) == b"result"
    assert sharing.used(1).results.keys() == {f"steps/{KEY}"}
    assert sharing.made == set()


def test_own_result_counts_before_the_upstreams(sharing: SharingStore, upstream: Upstream) -> None:
    upstream.results[f"steps/{KEY}"] = b"theirs"
    sharing.keep("steps", KEY, b"mine")
    assert sharing.kept("steps", KEY) == b"mine"
    assert list(sharing.copies("steps", KEY)) == [b"mine", b"theirs"]
    assert sharing.made == {f"steps/{KEY}"}


@pytest.mark.parametrize("key", ["source-tree-2-" + KEY, "pushed-" + KEY, f"tree-{KEY}", f"vouched-{KEY}", KEY.upper()])
def test_result_about_this_machine_is_neither_sent_nor_taken(
    sharing: SharingStore, upstream: Upstream, key: str
) -> None:
    upstream.results[f"steps/{key}"] = b"theirs"
    assert sharing.kept("steps", key) is None
    sharing.keep("steps", key, b"mine")
    assert sharing.used(1).results == {}


def test_blob_is_fetched_when_its_bytes_are_read_and_not_before(sharing: SharingStore, upstream: Upstream) -> None:
    digest = upstream.add(b"layer")
    assert sharing.has_blob(digest, 5)
    assert not sharing.has_blob(digest, 6)
    assert upstream.reads == []
    path = sharing.blob(digest)
    assert path is not None
    assert path.read_bytes() == b"layer"
    assert sharing.blob(digest) == path
    assert upstream.reads == [digest]


@pytest.mark.parametrize("data", [b"other", b"long layer", b"lay", None], ids=["other", "long", "short", "gone"])
def test_changed_file_is_not_taken_and_ends_the_use_of_the_upstream(
    sharing: SharingStore, upstream: Upstream, data: bytes | None
) -> None:
    digest = upstream.add(b"layer")
    upstream.results[f"steps/{KEY}"] = b"result"
    del upstream.files[digest]
    if data is not None:
        upstream.files[digest] = data
    assert sharing.blob(digest) is None
    assert sharing.failure is not None
    assert not sharing.has_blob(digest, 5)
    assert sharing.kept("steps", KEY) is None


def test_built_wheel_is_fetched_and_offered_to_others(sharing: SharingStore, upstream: Upstream) -> None:
    digest = upstream.add(b"wheel")
    path = sharing.built_wheel(digest)
    assert path is not None
    assert path.read_bytes() == b"wheel"
    assert sharing.used(3).files.keys() == {digest}


def test_member_is_cut_out_of_its_layer(tmp_path: Path, sharing: SharingStore, upstream: Upstream) -> None:
    entries = {KEY: [File("a", b"a" * 5000)], OTHER: [File("b", b"b" * 70)]}
    with Store.open(tmp_path / "there") as there, SharingStore(there, None) as first:
        made = [members.make_member(first, key, files, subject=key[:1], epoch=0) for key, files in entries.items()]
        layer, _ = compose(first, made, lower={}, epoch=0)
        first.use_layer(layer.digest, layer.members)
        used = first.used(1)
        path = first.blob(layer.digest)
        assert path is not None
        upstream.add(path.read_bytes())
    upstream.results = {name: one.data for name, one in used.results.items()}
    upstream.pieces = dict(used.members)
    found = members.find_member(sharing, OTHER)
    assert found == made[1]
    assert upstream.reads == [], "its description is enough to plan"
    plain = b"".join(plain for _, plain in members.read_parts(sharing, found))
    assert b"b" * 70 in plain
    again, _ = compose(sharing, made, lower={}, epoch=0)
    assert again == layer
    assert upstream.reads == [layer.digest]


def test_member_without_its_layer_counts_as_missing(sharing: SharingStore, upstream: Upstream, tmp_path: Path) -> None:
    with Store.open(tmp_path / "there") as there, SharingStore(there, None) as first:
        made = members.make_member(first, KEY, [File("a", b"a")], subject="a", epoch=0)
        upstream.results = {name: one.data for name, one in first.used(1).results.items()}
    assert members.find_member(sharing, KEY) is None
    upstream.pieces[KEY] = LayerPiece(digests.of(b"gone"), 0, made.compressed + 1)
    assert members.find_member(sharing, KEY) is None


def test_tree_is_fetched_and_sealed(tmp_path: Path, store: Store, sharing: SharingStore, upstream: Upstream) -> None:
    with Store.open(tmp_path / "there") as there, SharingStore(there, None) as first:
        with first.new_tree(KEY) as new:
            (new / "file").write_text("text")
        digest, size = first.pack_tree(KEY)
        path = first.blob(digest, size)
        assert path is not None
        upstream.trees[KEY] = upstream.add(path.read_bytes())
    tree = sharing.tree(KEY)
    assert tree is not None
    assert (tree / "file").read_text() == "text"
    assert store.tree(KEY) == tree
    (tree / "file").write_text("else")
    assert sharing.tree(KEY) is not None, "a changed tree is fetched again"
    assert (tree / "file").read_text() == "text"


def test_malformed_tree_ends_the_use_of_the_upstream(sharing: SharingStore, upstream: Upstream) -> None:
    upstream.trees[KEY] = upstream.add(gzip.compress(b"no tar" * 1000))
    assert sharing.tree(KEY) is None
    assert sharing.failure is not None
