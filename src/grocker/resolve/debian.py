"""The Debian packages of an image: from names to files."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from grocker.config.settings import Settings
from grocker.context import Context
from grocker.inputs.archive import resolve_names
from grocker.lock.answers import DebianAnswer
from grocker.platforms.suites import LOCALES
from grocker.platforms.target import Target


def package_names(settings: Settings, target: Target, more: Iterable[str]) -> list[str]:
    """Return the Debian packages to resolve: the base, the interpreter, what the settings name; sorted.

    ``more``: what the services need. A version named in the settings wins.
    """
    named = {text.partition("=")[0] for text in settings.dependencies}
    added = [*more, *([LOCALES] if settings.locales else [])]
    return sorted(
        {
            *target.suite.base,
            *target.interpreter_packages,
            *settings.dependencies,
            *(n for n in added if n not in named),
        }
    )


def resolve_packages(
    context: Context, settings: Settings, more: Iterable[str], target: Target, *, refresh: bool
) -> DebianAnswer:
    """Resolve the packages below the application; ``more``: what its services need."""
    from grocker.resolve.signatures import remember_signed

    names = package_names(settings, target, more)
    remember = partial(remember_signed, context, target)
    return resolve_names(context, settings, names, target, refresh=refresh, resolved=remember)
