"""Tables of contents of an image's layers: each made once, and of whole layers alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.context import Context
from grocker.errors import CorruptError
from grocker.layers import seekable
from grocker.layers.seekable import make_soci_index
from grocker.oci import Layer, layer
from grocker.oci.soci import LEAST
from grocker.progress import Silent
from grocker.store import Store
from grocker.tar.compose import compose
from grocker.tar.entry import File
from grocker.tar.member import make_member
from grocker.tar.ztoc import make_ztoc
from grocker.web import Transport
from tests.support.soci import read_ztoc


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with Store.open(tmp_path) as store, Transport(environ={}) as transport:
        yield Context(store, transport, Silent(), {}, now=0)


def composed(context: Context, size: int) -> Layer:
    """A layer with a file of that many bytes, which do not compress."""
    key = f"{size:064x}"
    entry = File("data", random.Random(size).randbytes(size))
    member = make_member(context.store, key, [entry], subject="package", epoch=0)
    made, _ = compose(context.store, [member], lower={}, epoch=0)
    return layer(digest=made.digest, size=made.size, diff_id=made.diff_id, title="wheels")


def test_large_layers_alone_have_tables(context: Context) -> None:
    large, small = composed(context, LEAST + 1), composed(context, 1000)
    index = make_soci_index(context, [small, large])
    assert index is not None
    [table] = index.tables
    path = context.store.blob(table.digest, table.size)
    assert path is not None
    assert read_ztoc(path.read_bytes()).compressed == large.size
    assert make_soci_index(context, [small]) is None


def test_table_is_made_once_and_again_when_it_is_gone(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    large = composed(context, LEAST + 1)
    first = make_soci_index(context, [large])
    assert first is not None
    made: list[Path] = []

    def make(path: Path) -> bytes:
        made.append(path)
        return make_ztoc(path)

    monkeypatch.setattr(seekable, "make_ztoc", make)
    assert make_soci_index(context, [large]) == first
    assert made == []
    path = context.store.blob(first.tables[0].digest)
    assert path is not None
    path.unlink()
    assert make_soci_index(context, [large]) == first
    assert len(made) == 1


def test_damaged_layer_is_deleted_so_that_the_next_build_makes_it_again(context: Context) -> None:
    large = composed(context, LEAST + 1)
    path = context.store.blob(large.digest)
    assert path is not None
    damaged = bytearray(path.read_bytes())
    damaged[LEAST // 2] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(CorruptError) as caught:
        make_soci_index(context, [large])
    assert caught.value.hint == "build again (the damaged file was deleted)"
    assert context.store.blob(large.digest) is None
