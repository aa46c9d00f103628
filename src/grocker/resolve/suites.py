"""Resolving for the first suite whose Python has all wheels, else for the first on which they compile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from grocker.config.settings import Settings
from grocker.context import Context
from grocker.errors import CorruptError, GrockerError, MissingError, SettingsError
from grocker.inputs.request import Request
from grocker.inputs.suite import choose_suites
from grocker.platforms.target import Target, select_target
from grocker.python.uv import NoWheelError

_Resolved = TypeVar("_Resolved")


def resolve_suites(
    context: Context,
    request: Request,
    settings: Settings,
    resolve_targets: Callable[[tuple[Target, ...], bool], _Resolved],
) -> _Resolved:
    """Return what ``resolve_targets`` returns for the first suite that it finds all wheels for.

    If none has all, the first suite counts for which the missing ones compile. ``resolve_targets`` is given the targets
    of a suite, one for each platform, and whether it leaves compiling to other suites. Raises what it raises: for the
    suite that fits best.
    """
    suites = choose_suites(request.origin, request.suite, settings, request.lock, context.progress)
    attempts = [(suite, len(suites) > 1) for suite in suites]
    if len(suites) > 1:  # what can do without its compiled part does, now that no suite has a wheel of it
        attempts += [(suite, False) for suite in suites]
    first: dict[bool, GrockerError] = {}
    for suite, has_alternatives in attempts:
        targets = tuple(select_target(suite, platform) for platform in request.platforms)
        try:
            found = resolve_targets(targets, has_alternatives)
        except (CorruptError, MissingError, SettingsError) as error:
            if not first and not isinstance(error, NoWheelError):
                raise
            first.setdefault(has_alternatives, error)
            continue
        if has_alternatives in first:
            reason = first[has_alternatives].message.splitlines()[0].rstrip(":")
            context.progress.warn(
                f"{reason}; building with Python {targets[0].suite.python} ({suite}) instead",
                hint="to choose yourself, set [tool.grocker.debian] suite",
            )
        return found
    raise first[False]
