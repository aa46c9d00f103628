"""Layers compressed by zstd: each made once, of whole layers alone, with the same tar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from grocker import zstd
from grocker.context import Context
from grocker.digest import of
from grocker.errors import CorruptError
from grocker.layers.composition import FinishedLayer
from grocker.layers.zstd_layers import compress_layers
from grocker.oci import values
from grocker.plan.layers import PlannedLayer
from grocker.progress import Silent
from grocker.store import Store
from grocker.tar.compose import compose
from grocker.tar.entry import File
from grocker.tar.member import make_member
from grocker.web import Transport


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with Store.open(tmp_path) as store, Transport(environ={}) as transport:
        yield Context(store, transport, Silent(), {}, now=0)


def composed(context: Context, text: str = "text ") -> FinishedLayer:
    """A layer of two members, so of several gzip members."""
    members = [
        make_member(
            context.store,
            f"{number}{text!r:0>63}",
            [File(f"file{number}", text.encode() * 9000)],
            subject=text,
            epoch=0,
        )
        for number in range(2)
    ]
    made, directories = compose(context.store, members, lower={}, epoch=0)
    return FinishedLayer(PlannedLayer("wheels", "wheels", "0" * 64, ()), made, directories, is_new=True)


def test_layer_has_the_same_tar(context: Context) -> None:
    finished = composed(context)
    [made] = compress_layers(context, [finished])
    path = context.store.blob(made.digest, made.size)
    assert path is not None
    assert made.descriptor.media_type == values.LAYER_ZSTD
    assert (made.diff_id, made.title, made.kind) == (finished.layer.diff_id, "wheels", "wheels")
    assert of(zstandard.ZstdDecompressor().decompress(path.read_bytes())) == made.diff_id


def test_layer_is_made_once_and_again_when_it_is_gone(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    finished = composed(context)
    first = compress_layers(context, [finished])
    made: list[int] = []

    class Counted(zstd.Compressor):
        def __init__(self, size: int) -> None:
            made.append(size)
            super().__init__(size)

    monkeypatch.setattr(zstd, "Compressor", Counted)
    assert compress_layers(context, [finished]) == first
    assert made == []
    path = context.store.blob(first[0].digest)
    assert path is not None
    path.unlink()
    assert compress_layers(context, [finished]) == first
    assert made == [finished.layer.plain]


@pytest.mark.parametrize("damage", ["changed", "cut"])
def test_damaged_layer_is_deleted_so_that_the_next_build_makes_it_again(context: Context, damage: str) -> None:
    finished = composed(context)
    path = context.store.blob(finished.layer.digest)
    assert path is not None
    data = path.read_bytes()
    middle = len(data) // 2
    changed = data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]
    path.write_bytes(data[:-40] if damage == "cut" else changed)
    with pytest.raises(CorruptError, match="damaged"):
        compress_layers(context, [finished])
    assert context.store.blob(finished.layer.digest) is None
    assert [one for one in (context.store.root / "tmp").rglob("*") if one.is_file() and one.stat().st_size] == []


def test_file_that_cannot_be_read_counts_as_damaged(context: Context) -> None:
    finished = composed(context)
    path = context.store.blob(finished.layer.digest)
    assert path is not None
    path.unlink()
    path.mkdir()
    with pytest.raises(CorruptError, match="damaged"):
        compress_layers(context, [finished])


def test_every_damaged_layer_is_deleted_at_once(context: Context) -> None:
    layers = [composed(context, text) for text in ("one ", "other ")]
    paths = [context.store.blob(one.layer.digest) for one in layers]
    for path in paths:
        assert path is not None
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptError):
        compress_layers(context, layers)
    assert not any(path.exists() for path in paths if path is not None)
