"""Debian's archive as this host reaches it: from names of packages to files, kept for a day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from grocker import debian
from grocker.config.settings import Settings
from grocker.context import Context
from grocker.lock.answers import DebianAnswer
from grocker.lock.values import DebianPackage
from grocker.platforms.target import Target
from grocker.store.answers import recent_answer
from grocker.tar.keys import cache_key


def find_mirrors(context: Context, settings: Settings) -> debian.Mirrors:
    """Find the mirrors of Debian's archive that this host uses."""
    return debian.find_mirrors(
        mirror=settings.debian.mirror,
        security_mirror=settings.debian.security_mirror,
        check_valid_until=settings.debian.check_valid_until,
        environ=context.environ,
    )


def open_archive(
    context: Context, mirrors: debian.Mirrors, target: Target, *, warn_expired: bool = True
) -> debian.DebianArchive:
    """Read the signed indices of the target's suite and architecture; see :func:`grocker.debian.open_archive`."""
    return debian.open_archive(
        mirrors,
        target.suite.name,
        target.architecture,
        store=context.store,
        transport=context.transport,
        now=datetime.fromtimestamp(context.now, UTC),
        progress=context.progress,
        warn_expired=warn_expired,
    )


def resolve_names(
    context: Context,
    settings: Settings,
    names: Sequence[str],
    target: Target,
    *,
    refresh: bool,
    resolved: Callable[[tuple[DebianPackage, ...]], object] = lambda _: None,
) -> DebianAnswer:
    """Resolve names of packages with all that they depend on; ``resolved`` hears of packages that are new."""
    mirrors = find_mirrors(context, settings)

    def ask() -> DebianAnswer:
        with context.progress.task("resolving Debian packages"):
            archive = open_archive(context, mirrors, target)
            packages = debian.resolve(archive.indexes, names).packages
        resolved(packages)
        return DebianAnswer(context.now, packages, dict(archive.addresses))

    key = cache_key("debian", target.suite.name, target.architecture, names, mirrors.archive, mirrors.security)
    return recent_answer(context.store, key, DebianAnswer, ask, now=context.now, refresh=refresh)
