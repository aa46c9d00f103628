"""Resolving for the first suite and Python that has all wheels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from grocker.config.settings import Settings
from grocker.context import Context
from grocker.errors import DeniedError, GrockerError, TryAgainError, UnavailableError
from grocker.inputs.request import Request
from grocker.inputs.standalone import StandaloneSource
from grocker.inputs.suite import Choice, Choices, Standalone, choose_suites
from grocker.platforms.target import Target, select_target
from grocker.python import Uv
from grocker.python.uv import NoWheelError

_Resolved = TypeVar("_Resolved")


class Attempt(msgspec.Struct, frozen=True):
    """What to resolve for."""

    targets: tuple[Target, ...]
    """one for each platform"""
    has_alternatives: bool
    """whether another suite or Python is tried next"""
    why: str
    """for people: why this Python"""


def resolve_suites(
    context: Context,
    request: Request,
    settings: Settings,
    uv: Uv,
    resolve_attempt: Callable[[Attempt], _Resolved],
) -> _Resolved:
    """Return what ``resolve_attempt`` returns for the first suite and Python that it finds all wheels for.

    Raises what it raises; NoWheelError is that of the suite that fits best.
    """
    choices = choose_suites(
        request.origin,
        request.suite,
        settings,
        request.lock,
        context.progress,
        _standalone(context, request, uv),
        refresh=request.refresh,
    )
    alternatives = len(choices.best) > 1 or choices.more is not None
    first: NoWheelError | None = None
    for choice in choices.best:
        try:
            found = resolve_attempt(_attempt(request, choice, alternatives))
        except NoWheelError as error:
            first = first or error
            continue
        if first is not None:
            _tell(context, first, choice)
        return found
    assert first is not None
    for choice in _more(context, choices):
        try:
            found = resolve_attempt(_attempt(request, choice, alternatives))
        except (UnavailableError, DeniedError, TryAgainError) as error:
            context.progress.warn(f"{choice} has all wheels, but cannot be used: {error.message}", hint=error.hint)
            break
        except GrockerError:  # what is wrong with an old Python says nothing of the best one
            continue
        _tell(context, first, choice)
        return found
    if not alternatives:
        raise first
    # What can do without its compiled part does, now that no Python has a wheel of it; the rest is compiled.
    return resolve_attempt(_attempt(request, choices.best[0], has_alternatives=False))


def _more(context: Context, choices: Choices) -> Sequence[Choice]:
    try:
        return choices.more() if choices.more is not None else ()
    except UnavailableError as error:
        context.progress.warn(error.message, hint=error.hint)
        return ()


def _standalone(context: Context, request: Request, uv: Uv) -> Standalone:
    from grocker.python.standalone import is_refused

    source = standalone_source(context, request, uv)
    directory = request.origin.path if request.origin.kind == "project" else None
    architectures = {platform.partition("/")[2] for platform in request.platforms}

    def versions() -> list[str]:
        listed = source.list()
        having = {one.version: {o.architecture for o in listed if o.version == one.version} for one in listed}
        return [version for version, found in having.items() if architectures <= found]

    return Standalone(versions, is_refused(context.environ, directory))


def standalone_source(context: Context, request: Request, uv: Uv) -> StandaloneSource:
    """Return where the standalone interpreters of a request come from."""
    locked = {one.platform: one.standalone for one in request.lock.platforms if one.standalone} if request.lock else {}
    return StandaloneSource(context, uv, request.refresh, locked)


def _attempt(request: Request, choice: Choice, has_alternatives: bool) -> Attempt:
    targets = tuple(select_target(choice.suite, platform, choice.standalone) for platform in request.platforms)
    return Attempt(targets, has_alternatives, choice.why)


def _tell(context: Context, first: NoWheelError, choice: Choice) -> None:
    context.progress.warn(
        f"{first.message}; building with {choice} instead", hint="to choose yourself, set python in [tool.grocker]"
    )
