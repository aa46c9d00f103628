"""Resolving for the first suite whose Python has all wheels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from grocker.config.settings import Settings
from grocker.context import Context
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

    It is given the targets of a suite, one for each platform, and whether there is more than one suite to try. Raises
    what it raises; NoWheelError is that of the suite that fits best.
    """
    suites = choose_suites(request.origin, request.suite, settings, request.lock, context.progress)
    first: NoWheelError | None = None
    for suite in suites:
        targets = tuple(select_target(suite, platform) for platform in request.platforms)
        try:
            found = resolve_targets(targets, len(suites) > 1)
        except NoWheelError as error:
            first = first or error
            continue
        if first is not None:
            context.progress.warn(
                f"{first.message}; building with Python {targets[0].suite.python} ({suite}) instead",
                hint="to choose yourself, set [tool.grocker.debian] suite",
            )
        return found
    assert first is not None
    if len(suites) > 1:  # what can do without its compiled part does, now that no suite has a wheel of it
        return resolve_targets(tuple(select_target(suites[0], platform) for platform in request.platforms), False)
    raise first
