"""The Debian packages of an image: from names to files."""

from __future__ import annotations

from collections.abc import Iterable

from grocker import debian
from grocker.config.settings import Settings
from grocker.context import Context
from grocker.lock.answers import DebianAnswer
from grocker.platforms.suites import Suite
from grocker.platforms.target import Target
from grocker.resolve.archive import open_archive
from grocker.resolve.signatures import remember_signed
from grocker.store.answers import recent_answer
from grocker.tar.keys import cache_key


def package_names(settings: Settings, suite: Suite, more: Iterable[str]) -> list[str]:
    """Return the Debian packages to resolve: the base, the interpreter, what the settings name; sorted.

    ``more``: what the services need. A version named in the settings wins.
    """
    named = {text.partition("=")[0] for text in settings.dependencies}
    return sorted({*suite.base, *suite.interpreter, *settings.dependencies, *(n for n in more if n not in named)})


def find_mirrors(context: Context, settings: Settings) -> debian.Mirrors:
    """Find the mirrors of Debian's archive that this host uses."""
    return debian.find_mirrors(
        mirror=settings.debian.mirror,
        security_mirror=settings.debian.security_mirror,
        check_valid_until=settings.debian.check_valid_until,
        environ=context.environ,
    )


def resolve_packages(
    context: Context, settings: Settings, more: Iterable[str], target: Target, *, refresh: bool
) -> DebianAnswer:
    """Resolve the packages below the application; ``more``: what its services need."""
    names = package_names(settings, target.suite, more)
    mirrors = find_mirrors(context, settings)

    def ask() -> DebianAnswer:
        with context.progress.task("resolving Debian packages"):
            archive = open_archive(context, mirrors, target)
            packages = debian.resolve(archive.indexes, names).packages
        remember_signed(context, target, packages)
        return DebianAnswer(context.now, packages, dict(archive.addresses))

    key = cache_key("debian", target.suite.name, target.architecture, names, mirrors.archive, mirrors.security)
    return recent_answer(context.store, key, DebianAnswer, ask, now=context.now, refresh=refresh)
