"""Layers on their way into an image: looked up by key, or composed of their members."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from grocker.builder.workshop import Workshop
from grocker.plan.layers import Layer
from grocker.tar.compose import Composed, compose
from grocker.tar.entry import Directory
from grocker.tar.member import Member


class _Kept(msgspec.Struct, frozen=True):
    layer: Composed
    directories: tuple[tuple[str, int, int, int], ...]


class Made(msgspec.Struct, frozen=True):
    """A layer of this build."""

    plan: Layer
    layer: Composed
    directories: Mapping[str, Directory]
    """of this layer and those below that it was composed over"""
    is_new: bool
    """whether it was composed in this build"""


def made(
    workshop: Workshop,
    plan: Layer,
    members: Callable[[], Iterable[Member]],
    *,
    lower: Mapping[str, Directory] | None = None,
) -> Made:
    """The layer of that plan: the kept one, else composed of ``members()`` over the directories ``lower``."""
    found = _kept(workshop, plan)
    if found is not None:
        return found
    with workshop.progress.task(f"packing the layer {plan.name}"):
        parts = tuple(members())
    with workshop.store.lock(f"layer-{plan.key}"):
        found = _kept(workshop, plan)
        if found is not None:
            return found
        with workshop.progress.task(f"composing the layer {plan.name}"):
            layer, directories = compose(workshop.store, parts, lower=lower or {}, epoch=workshop.epoch)
        kept = _Kept(layer, tuple((d.path, d.mode, d.uid, d.gid) for d in directories.values()))
        workshop.store.keep("steps", plan.key, msgspec.json.encode(kept))
    return Made(plan, layer, directories, is_new=True)


def _kept(workshop: Workshop, plan: Layer) -> Made | None:
    data = workshop.store.kept("steps", plan.key)
    if data is None:
        return None
    kept = msgspec.json.decode(data, type=_Kept)
    if workshop.store.blob(kept.layer.digest, kept.layer.size) is None:
        return None
    directories = {path: Directory(path, mode, uid, gid) for path, mode, uid, gid in kept.directories}
    return Made(plan, kept.layer, directories, is_new=False)
