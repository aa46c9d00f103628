"""What a build would do, without doing it; and the lock of an application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from grocker import digest
from grocker.builder import sourcing
from grocker.builder.deciding import Decision, decide
from grocker.builder.request import Request
from grocker.builder.workshop import Workshop, workshop
from grocker.config.files import Configuration
from grocker.config.settings import Settings
from grocker.errors import MissingError, SettingsError, UsageError
from grocker.lock.values import Lock, merged
from grocker.plan.explain import Explained, Remembered, explain, remembered
from grocker.platforms.target import Target, target
from grocker.progress import Progress
from grocker.python.metadata import normalised
from grocker.store import Store
from grocker.web import Transport


class Surveyed(msgspec.Struct, frozen=True):
    """The plan of one platform, with why each layer will or will not be made."""

    decision: Decision
    layers: tuple[Explained, ...]


def survey(
    request: Request,
    *,
    store: Store,
    transport: Transport,
    progress: Progress,
    environ: Mapping[str, str],
    now: float,
) -> tuple[Configuration, tuple[Surveyed, ...]]:
    """Decide as ``build`` does, and compare with what is kept.

    The project's wheel is built where it has changed: what the application needs stands in it. Nothing else is made.
    """
    configuration = sourcing.configuration(request.origin, request.settings)
    settings = configuration.settings
    suite = request.suite or settings.debian.suite
    with workshop(store, transport, progress, environ, now=now, epoch=request.epoch) as shop:
        decisions = [decide(shop, request, settings, target(suite, name)) for name in request.platforms]
    return configuration, tuple(_surveyed(store, decision) for decision in decisions)


def make_lock(
    request: Request,
    *,
    store: Store,
    transport: Transport,
    progress: Progress,
    environ: Mapping[str, str],
    now: float,
    upgrade: Sequence[str] | None,
) -> Lock:
    """The lock of what ``request`` names, on all its platforms.

    ``request.lock``: the one that there is; its versions are kept as far as they fit. ``upgrade``: the names to move,
    empty for all, None for none.
    """
    settings = sourcing.configuration(request.origin, request.settings).settings
    suite = request.suite or settings.debian.suite
    with workshop(store, transport, progress, environ, now=now, epoch=request.epoch) as shop:
        return merged(
            tuple(_renewed(shop, request, settings, target(suite, name), upgrade) for name in request.platforms)
        )


def remember(store: Store, decision: Decision) -> None:
    """Keep the plan that was carried out, for the next explanation."""
    store.keep("steps", _key(decision), msgspec.json.encode(remembered(decision.plan)))


def _renewed(
    shop: Workshop, request: Request, settings: Settings, chosen: Target, upgrade: Sequence[str] | None
) -> Lock:
    """The lock of one platform; what the old one has stays where it fits and is not to move."""
    old = request.lock.of(chosen.platform) if request.lock is not None else None
    if old is None or request.lock is None or upgrade == ():
        return decide(shop, replace(request, lock=None, refresh=True), settings, chosen).lock
    debian, python = {p.name for p in old.debian}, {f.name for f in old.python}
    moving = {normalised(name) for name in upgrade or ()}
    unknown = sorted(moving - debian - python)
    if unknown:
        raise UsageError(f"--upgrade {unknown[0]}: not in the lock", hint="name a distribution or a package that is")
    pins = tuple(f"{f.name}=={f.version}" for f in old.python if f.name not in moving)
    asked = replace(request, lock=None, refresh=True, constraints=pins)
    try:
        lock = decide(shop, asked, settings, chosen).lock
    except (SettingsError, MissingError):  # what was locked does not fit any more
        lock = decide(shop, replace(asked, constraints=()), settings, chosen).lock
    new = lock.of(chosen.platform)
    assert new is not None
    same = [name for name in ("debian", "build") if request.lock.inputs.get(name) == lock.inputs.get(name)]
    if "debian" in same and not moving & debian:
        new = replace(new, debian=old.debian)
    build = request.lock.build if "build" in same else lock.build
    return replace(lock, platforms=(new,), build=build)


def _surveyed(store: Store, decision: Decision) -> Surveyed:
    kept = {layer.key for layer in decision.plan.layers if store.kept("steps", layer.key) is not None}
    data = store.kept("steps", _key(decision))
    last = msgspec.json.decode(data, type=Remembered) if data is not None else None
    return Surveyed(decision, explain(decision.plan, kept, last))


def _key(decision: Decision) -> str:
    """One plan an application and platform is remembered."""
    named = f"{decision.source.installed.name} {decision.target.suite.name} {decision.target.platform}"
    return f"plan-{digest.hexadecimal(digest.of(named.encode()))}"
