"""Resolving for the first suite and Python that has all wheels, else for the first on which they compile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from grocker.config.settings import PYTHON_PACKAGES, Settings
from grocker.context import Context
from grocker.errors import (
    CorruptError,
    DeniedError,
    GrockerError,
    MissingError,
    SettingsError,
    TryAgainError,
    UnavailableError,
)
from grocker.inputs.request import Request
from grocker.inputs.suite import Choice, Standalone, choose_suites
from grocker.platforms.architectures import ARCHITECTURES, is_foreign
from grocker.platforms.target import Target, select_target
from grocker.python import Uv
from grocker.python.standalone_refusal import is_refused
from grocker.python.uv import NoWheelError

if TYPE_CHECKING:
    from grocker.inputs.standalone import StandaloneSource

_Resolved = TypeVar("_Resolved")


class Attempt(msgspec.Struct, frozen=True):
    """What to resolve for."""

    targets: tuple[Target, ...]
    """one for each platform"""
    has_alternatives: bool
    """whether another suite or Python is tried next"""
    refuses_removed: bool
    """whether a Python that has lost a module of the application's is refused: ``UnfitPythonError``"""
    why: str
    """for people: why this Python"""


class UnfitPythonError(NoWheelError):
    """The application imports what the Python's library has lost; another Python may have it."""


def resolve_suites(
    context: Context,
    request: Request,
    settings: Settings,
    uv: Uv,
    resolve_attempt: Callable[[Attempt], _Resolved],
) -> _Resolved:
    """Return what ``resolve_attempt`` returns for the first suite and Python that it finds all wheels for.

    If none has all, the first suite counts for which the missing ones compile. Raises what it raises: for the suite
    that fits best.
    """
    _check_emulators(context, request)
    standalone = _standalone(context, request, settings, uv)
    choices = choose_suites(
        *(request.origin, request.suite, settings, request.lock, context, standalone), refresh=request.refresh
    )
    best, more = choices.best, choices.more
    if choices.otherwise and not _is_had(context, request, uv, best[0], choices.otherwise[0]):
        best, more = choices.otherwise, None
    alternatives = len(best) > 1 or more is not None
    first: GrockerError | None = None
    for choice in best:
        try:
            found = resolve_attempt(_attempt(request, choice, first, has_alternatives=alternatives))
        except (CorruptError, MissingError, SettingsError) as error:
            if not alternatives or (first is None and not isinstance(error, NoWheelError)):
                raise
            first = first or error
            continue
        _tell(context, first, choice)
        return found
    for choice in _more(context, more):
        try:
            found = resolve_attempt(_attempt(request, choice, first, has_alternatives=alternatives))
        except (UnavailableError, DeniedError, TryAgainError) as error:
            context.progress.warn(f"{choice} would fit, but cannot be used: {error.message}", hint=error.hint)
            break
        except GrockerError:  # what is wrong with an old Python says nothing of the best one
            continue
        _tell(context, first, choice)
        return found
    # What can do without its compiled part does, now that no Python has a wheel of it; the rest is compiled.
    first, unfit = None, None
    for choice in best:
        try:
            found = resolve_attempt(_attempt(request, choice, first, refuses_removed=alternatives))
        except (CorruptError, MissingError, SettingsError) as error:
            if isinstance(error, UnfitPythonError) and unfit is None:
                unfit = choice
            first = first or error
            continue
        _tell(context, first, choice)
        return found
    if unfit is not None:  # no Python has everything: the build tells what this one lacks
        return resolve_attempt(_attempt(request, unfit))
    assert first is not None
    raise first


def _check_emulators(context: Context, request: Request) -> None:
    """Raise UnavailableError if ``--emulate`` is given and this host cannot emulate an architecture."""
    architectures = [platform.partition("/")[2] for platform in request.platforms]
    foreign = [name for name in architectures if name in ARCHITECTURES and is_foreign(name)]
    if not context.emulates or not foreign:
        return
    from grocker.sandbox.emulation import require_emulator

    for name in foreign:
        with context.store.scratch() as scratch:
            require_emulator(name, scratch)


def _is_had(context: Context, request: Request, uv: Uv, choice: Choice, otherwise: Choice) -> bool:
    """Whether a standalone interpreter that a file asks for can be fetched; if not, the user is told.

    ``otherwise``: what is used then.
    Raises what kept it from being fetched where the request is strict.
    """
    source = standalone_source(context, request, uv)
    for target in _attempt(request, choice, has_alternatives=False).targets:
        if request.strict:
            source.find(target)
        elif (lack := source.find_lack(target)) is not None:
            context.progress.warn(f"{choice.why}; {lack.message}; using {otherwise}", hint=lack.hint)
            return False
    return True


def _more(context: Context, more: Callable[[], Sequence[Choice]] | None) -> Sequence[Choice]:
    try:
        return more() if more is not None else ()
    except UnavailableError as error:
        context.progress.warn(error.message, hint=error.hint)
        return ()


def _standalone(context: Context, request: Request, settings: Settings, uv: Uv) -> Standalone:
    directory = request.origin.path if request.origin.kind == "project" else None
    architectures = {platform.partition("/")[2] for platform in request.platforms}

    def versions() -> list[str]:
        listed = standalone_source(context, request, uv).list()
        having = {one.version: {o.architecture for o in listed if o.version == one.version} for one in listed}
        return [version for version, found in having.items() if architectures <= found]

    # Debian's compiled modules are for its own Python.
    refusal = PYTHON_PACKAGES if settings.debian.python_packages else is_refused(context.environ, directory)
    return Standalone(versions, refusal)


def standalone_source(context: Context, request: Request, uv: Uv) -> StandaloneSource:
    """Return where the standalone interpreters of a request come from."""
    from grocker.inputs.standalone import StandaloneSource

    locked = {one.platform: one.standalone for one in request.lock.platforms if one.standalone} if request.lock else {}
    return StandaloneSource(context, uv, request.refresh, locked)


def _attempt(
    request: Request,
    choice: Choice,
    first: GrockerError | None = None,
    *,
    has_alternatives: bool = False,
    refuses_removed: bool | None = None,
) -> Attempt:
    """``first``: what is wrong with the best choice, if that is not this one."""
    targets = tuple(select_target(choice.suite, platform, choice.standalone) for platform in request.platforms)
    refuses = has_alternatives if refuses_removed is None else refuses_removed
    return Attempt(targets, has_alternatives, refuses, _reason(first) if first is not None else choice.why)


def _reason(error: GrockerError) -> str:
    return error.message.splitlines()[0].rstrip(":")


def _tell(context: Context, first: GrockerError | None, choice: Choice) -> None:
    """Say why it is not the best one, whose error ``first`` is."""
    if first is not None:
        context.progress.warn(
            f"{_reason(first)}; building with {choice} instead",
            hint="to choose a Python yourself, set python in [tool.grocker]",
        )
