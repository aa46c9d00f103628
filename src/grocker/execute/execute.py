"""The third phase: execute a plan. Layers are looked up or built by the recipe of their kind; nothing is decided."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from grocker.config.settings import Settings
from grocker.context import Context
from grocker.execute.prefetch import Prefetch
from grocker.inputs.index import wheel_target
from grocker.layers import configured
from grocker.layers.composition import FinishedLayer, build_layer
from grocker.layers.provided import Provided, find_provided
from grocker.layers.recipes import RECIPES, configuration, uncompiled
from grocker.layers.time_zones import check_time_zones
from grocker.layers.wheels import IndexWheels
from grocker.layers.workbench import Workbench
from grocker.layers.workers import Workers
from grocker.oci import Image, Layer, Platform, image
from grocker.oci import layer as oci_layer
from grocker.plan.layers import WHEEL_KINDS
from grocker.plan.plan import Plan
from grocker.python import Collision
from grocker.resolve.resolve import Resolution
from grocker.tar.keys import cache_key


class Execution(msgspec.Struct, frozen=True):
    """An image whose layers are in the store."""

    image: Image
    layers: tuple[FinishedLayer, ...]
    """bottom first"""
    uncovered: tuple[tuple[str, str, str], ...]
    """maintainer scripts whose effects may be missing from the image: package, script, reason"""
    missing_libraries: dict[str, tuple[str, ...]]
    """by wheel the shared libraries that nothing in the image has"""
    provided: Provided
    """what its packages and wheels provide to services"""
    uncompiled: dict[str, str]
    """by path why a source of the application did not compile"""
    wheel_faults: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """by file name how wheels from the index deviate from the specification"""
    collisions: tuple[Collision, ...] = ()
    """files that several wheels install differently"""
    composed: tuple[Layer, ...] = ()
    """its layers as they were composed, and as another machine takes them apart"""


def execute(
    context: Context,
    workers: Workers,
    plan: Plan,
    resolution: Resolution,
    prefetch: Prefetch,
    *,
    finished: Callable[[FinishedLayer], None],
    settings: Settings,
    strict: bool = False,
) -> Execution:
    """Build the planned image from the resolved files.

    ``prefetch``: the work started while resolving; ``finished``: called with each layer as soon as it is in the store,
    bottom first. ``strict``: whether a wheel that violates the specification is an error.
    Raises SettingsError for a time zone that the image names and does not have.
    """
    packages = prefetch.take_packages(resolution.packages)
    same = resolution.compiling is resolution.packages
    with Workbench(
        context,
        plan,
        packages=packages,
        compiling=packages if same else prefetch.take_packages(resolution.compiling),
        wheels=IndexWheels(
            context,
            workers,
            resolution.wheels,
            uv=resolution.uv,
            target=wheel_target(resolution.target),
            interpreter=plan.interpreter,
            epoch=plan.epoch,
            strict=strict,
            prefer=settings.prefer,
            alone=frozenset(digest for layer in plan.layers if layer.kind == "wheel" for digest in layer.files),
        ),
        installed=resolution.application.installed,
        static=resolution.static,
        interpreters=resolution.standalone,
        target=resolution.target,
        settings=settings,
        compiler=prefetch.take_compiler(plan.interpreter),
    ) as bench:
        layers = _build(bench, finished)
        check_time_zones(
            packages.zones,
            variables=plan.run.env or (),
            services=resolution.services,
            crontab=resolution.application.crontab,
            user=plan.user[0],
            commands=resolution.application.commands,
        )
        uncovered = _uncovered(bench)
        missing = _missing_libraries(bench)
        provided = find_provided(bench)
        [own] = [layer for layer in layers if layer.plan.kind == "application"]
        failures = uncompiled(context.store, own.layer)
        faults = bench.wheel_faults()
        collisions = bench.wheel_collisions()
    composed = [as_oci(layer) for layer in layers]
    oci = composed
    if settings.compression == "zstd":
        from grocker.layers.zstd_layers import compress_layers

        oci = compress_layers(context, layers)
    soci = None
    if settings.lazy_pulling is not None:
        from grocker.layers.seekable import make_soci_index

        soci = make_soci_index(context, oci)
    made = image(oci, platform=Platform(*plan.platform.split("/")), run=plan.run, created=plan.epoch, soci=soci)
    return Execution(made, tuple(layers), uncovered, missing, provided, failures, faults, collisions, tuple(composed))


def as_oci(finished: FinishedLayer) -> Layer:
    """Return the layer as an OCI value."""
    layer = finished.layer
    return oci_layer(
        digest=layer.digest, size=layer.size, diff_id=layer.diff_id, title=finished.plan.title, kind=finished.plan.kind
    )


def _build(bench: Workbench, finished: Callable[[FinishedLayer], None]) -> list[FinishedLayer]:
    bench.begin()
    layers: list[FinishedLayer] = []
    for plan in bench.plan.layers:
        recipe = RECIPES[plan.kind]
        # The configuration, scripts and an interpreter name directories that the packages below own.
        below = {"configured": 0, "scripts": 1, "interpreter": 0}.get(plan.kind)
        lower = layers[below].directories if below is not None else None
        layer = build_layer(bench.context, plan, partial(recipe, plan, bench), epoch=bench.plan.epoch, lower=lower)
        layers.append(layer)
        finished(layer)
    return layers


def _uncovered(bench: Workbench) -> tuple[tuple[str, str, str], ...]:
    if any(layer.kind == "scripts" for layer in bench.plan.layers):
        return ()
    [layer] = [layer for layer in bench.plan.layers if layer.kind == "configured"]
    return configured.uncovered(configuration(layer, bench))


def _missing_libraries(bench: Workbench) -> dict[str, tuple[str, ...]]:
    """Return by wheel the shared libraries that nothing in the image has; kept for the same packages and wheels."""
    store = bench.context.store
    concerned = [layer.key for layer in bench.plan.layers if layer.kind in {"debian", *WHEEL_KINDS}]
    key = cache_key("libraries", concerned)
    kept = store.kept_as("steps", key, dict[str, tuple[str, ...]])
    if kept is not None:
        return kept
    from grocker.layers import libraries

    def provided() -> frozenset[str]:
        return frozenset(library.soname for facts in bench.packages.facts() for library in facts.libraries)

    noted = {
        member.subject: msgspec.json.decode(member.note, type=libraries.Libraries | None)
        for member in bench.wheel_members().values()
    }
    missing = libraries.find_missing({name: one for name, one in noted.items() if one is not None}, provided)
    store.keep("steps", key, msgspec.json.encode(missing))
    return missing
