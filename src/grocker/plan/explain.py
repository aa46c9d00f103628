"""Explain why each layer will be built or reused: compare the plan with the image's last one. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from grocker.plan.layers import PlannedLayer


class Remembered(msgspec.Struct, frozen=True):
    """The part of an executed plan that is kept."""

    layers: tuple[tuple[str, str, tuple[str, ...]], ...]
    """name, key, inputs"""


class Explained(msgspec.Struct, frozen=True):
    """One layer of a plan."""

    name: str
    key: str
    inputs: tuple[str, ...]
    will_run: bool
    why: str


def remembered(layers: Iterable[PlannedLayer]) -> Remembered:
    """Return the part of a plan's layers that is kept."""
    return Remembered(tuple((layer.title, layer.key, layer.inputs) for layer in layers))


def explain(layers: Iterable[PlannedLayer], kept: Collection[str], last: Remembered | None) -> tuple[Explained, ...]:
    """Explain each layer of a plan.

    ``kept``: the keys of results in the store; ``last``: the plan of this image's last build, if there was one.
    """
    before = {name: (key, inputs) for name, key, inputs in last.layers} if last is not None else {}
    return tuple(
        Explained(
            layer.title,
            layer.key,
            layer.inputs,
            layer.key not in kept,
            "kept" if layer.key in kept else _why(layer.key, layer.inputs, before.get(layer.title), bool(before)),
        )
        for layer in layers
    )


def _why(key: str, inputs: Sequence[str], before: tuple[str, Sequence[str]] | None, known: bool) -> str:
    if before is None:
        return "new in this image" if known else "never built here"
    old_key, old = before
    if old_key == key:
        return "its result is no longer in the store"
    added, gone = sorted(set(inputs) - set(old)), sorted(set(old) - set(inputs))
    if not added and not gone:
        return "the content of its inputs changed"
    return "; ".join(_changes(_by_name(gone), _by_name(added)))


def _by_name(inputs: Sequence[str]) -> dict[str, str]:
    return {name: version for name, _, version in (one.partition(" ") for one in inputs)}


def _changes(gone: Mapping[str, str], added: Mapping[str, str]) -> list[str]:
    result = [f"{name} {gone[name]} → {added[name]}" for name in sorted({*gone} & {*added})]
    result += [f"{name} {added[name]} is new".replace("  ", " ") for name in sorted({*added} - {*gone})]
    return result + [f"{name} {gone[name]} is gone".replace("  ", " ") for name in sorted({*gone} - {*added})]
