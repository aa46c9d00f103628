"""Create or update the lock of an application."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from grocker.config.settings import Settings
from grocker.context import Context, check_executable
from grocker.errors import MissingError, SettingsError, UsageError
from grocker.inputs.index import find_uv
from grocker.inputs.request import Request, read_configuration
from grocker.lock.values import Lock, merge_locks
from grocker.platforms.target import Target
from grocker.python import Uv
from grocker.python.metadata import normalise_name
from grocker.resolve.resolve import resolve
from grocker.resolve.subscriber import NoSubscriber
from grocker.resolve.suites import Attempt, resolve_suites


def make_lock(request: Request, context: Context, *, upgrade: Sequence[str] | None) -> Lock:
    """Lock what ``request`` names, on all its platforms.

    ``request.lock``: the existing one; its versions are kept as far as they fit. ``upgrade``: the names to move, empty
    for all, None for none.
    """
    settings = read_configuration(request).settings
    check_executable(context.store.root)
    uv = find_uv(context, settings)

    def renew_attempt(attempt: Attempt) -> Lock:
        return merge_locks(tuple(_renew(context, request, settings, target, uv, upgrade) for target in attempt.targets))

    # An upgrade of everything takes the newest version of a standalone interpreter's series.
    return resolve_suites(context, replace(request, refresh=upgrade == ()), settings, uv, renew_attempt)


def _renew(
    context: Context, request: Request, settings: Settings, target: Target, uv: Uv, upgrade: Sequence[str] | None
) -> Lock:
    """Lock one platform, keeping the old lock's versions where they fit and are not to be upgraded."""

    def resolve_lock(request: Request) -> Lock:
        return resolve(context, request, settings, target, uv, NoSubscriber()).lock

    old = request.lock.of(target.platform) if request.lock is not None else None
    if old is None or request.lock is None or upgrade == ():
        return resolve_lock(replace(request, lock=None, refresh=True))
    debian, python = {p.name for p in old.debian}, {f.name for f in old.python}
    moving = {normalise_name(name) for name in upgrade or ()}
    unknown = sorted(moving - debian - python)
    if unknown:
        raise UsageError(
            f"cannot upgrade {unknown[0]!r}: not in the lock", hint="name a Python or Debian package of the lock"
        )
    pins = tuple(f"{f.name}=={f.version}" for f in old.python if f.name not in moving and not f.source)
    asked = replace(request, lock=None, refresh=True, constraints=pins)
    try:
        lock = resolve_lock(asked)
    except (SettingsError, MissingError):  # the locked versions no longer fit
        lock = resolve_lock(replace(asked, constraints=()))
    new = lock.of(target.platform)
    assert new is not None
    same = [name for name in ("debian", "build") if request.lock.inputs.get(name) == lock.inputs.get(name)]
    if "debian" in same and not moving & debian:
        new = replace(new, debian=old.debian)
    build = request.lock.build if "build" in same else lock.build
    return replace(lock, platforms=(new,), build=build)
