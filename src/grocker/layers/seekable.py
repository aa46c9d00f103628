"""The tables of contents that let nodes read an image's layers before they are pulled (``lazy-pulling``)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from grocker.context import Context
from grocker.digest import Digest
from grocker.errors import CorruptError
from grocker.oci import Layer
from grocker.oci.image import SociIndex
from grocker.oci.soci import is_worth, make_index
from grocker.store.writing import require
from grocker.tar.keys import cache_key
from grocker.tar.ztoc import SPAN, make_ztoc


class _Kept(msgspec.Struct, frozen=True):
    digest: Digest
    size: int


def make_soci_index(context: Context, layers: Iterable[Layer]) -> SociIndex | None:
    """Make the SOCI index of an image's layers, each table once; None when no layer is large enough for one.

    Raises CorruptError for a damaged layer, which is deleted, MissingError for one that is gone, StorageError,
    CannotWriteError.
    """
    listed = [layer for layer in layers if is_worth(layer)]
    tables = {layer.digest: _table(context, layer) for layer in listed}
    return make_index({layer: (one.digest, one.size) for layer, one in tables.items()}, listed, span=SPAN)


def _table(context: Context, layer: Layer) -> _Kept:
    store, key = context.store, cache_key("ztoc", layer.digest, SPAN)
    kept = store.kept_as("steps", key, _Kept)
    if kept is not None and store.has_blob(kept.digest, kept.size):
        return kept
    with context.progress.task(f"indexing the layer {layer.title}"):
        try:
            data = make_ztoc(require(store.blob(layer.digest), layer.title))
        except CorruptError:
            store.sound_blob(layer.digest)
            raise
    made = _Kept(store.add_blob(data), len(data))
    store.keep("steps", key, msgspec.json.encode(made))
    return made
