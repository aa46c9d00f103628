"""Look up an image's layers by key, or compose them of their members."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from grocker.context import Context
from grocker.plan.layers import PlannedLayer
from grocker.store import Store
from grocker.tar.compose import ComposedLayer, compose
from grocker.tar.entry import Directory
from grocker.tar.member import Member


class _Kept(msgspec.Struct, frozen=True):
    layer: ComposedLayer
    directories: tuple[tuple[str, int, int, int], ...]


class FinishedLayer(msgspec.Struct, frozen=True):
    """A layer in the store."""

    plan: PlannedLayer
    layer: ComposedLayer
    directories: Mapping[str, Directory]
    """of this layer and those below that it was composed over"""
    is_new: bool
    """whether it was composed in this build"""


def build_layer(
    context: Context,
    plan: PlannedLayer,
    members: Callable[[], Iterable[Member]],
    *,
    epoch: int,
    lower: Mapping[str, Directory] | None = None,
) -> FinishedLayer:
    """Return the planned layer: the stored one, else composed of ``members()`` over the directories ``lower``.

    ``epoch``: seconds since 1970, the time of every file.
    """
    found = _kept(context, plan)
    if found is not None:
        return found
    with context.progress.task(f"packing the layer {plan.title}"):
        parts = tuple(members())
    with context.store.lock(f"layer-{plan.key}"):
        found = _kept(context, plan)
        if found is not None:
            return found
        with context.progress.task(f"composing the layer {plan.title}"):
            layer, directories = compose(context.store, parts, lower=lower or {}, epoch=epoch)
        kept = _Kept(layer, tuple((d.path, d.mode, d.uid, d.gid) for d in directories.values()))
        context.store.keep("steps", plan.key, msgspec.json.encode(kept))
    context.store.use_layer(layer.digest, layer.members)
    return FinishedLayer(plan, layer, directories, is_new=True)


def is_kept(store: Store, plan: PlannedLayer) -> bool:
    """Tell whether the store has the planned layer."""
    return _find(store, plan) is not None


def _find(store: Store, plan: PlannedLayer) -> _Kept | None:
    kept = store.kept_as("steps", plan.key, _Kept)
    return kept if kept is not None and store.has_blob(kept.layer.digest, kept.layer.size) else None


def _kept(context: Context, plan: PlannedLayer) -> FinishedLayer | None:
    kept = _find(context.store, plan)
    if kept is None:
        return None
    context.store.use_layer(kept.layer.digest, kept.layer.members)
    directories = {path: Directory(path, mode, uid, gid) for path, mode, uid, gid in kept.directories}
    return FinishedLayer(plan, kept.layer, directories, is_new=False)
