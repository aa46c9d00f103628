"""Which Debian suite and which Python an image is built from: what is named, else what fits the project."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from grocker.config.settings import Settings
from grocker.context import Context
from grocker.errors import MissingError, SettingsError
from grocker.inputs.origin import Origin
from grocker.inputs.python_version import (
    PythonPin,
    PythonRange,
    allowed,
    allows,
    read_base_image,
    read_pin,
    read_ranges,
)
from grocker.lock.values import Lock
from grocker.platforms.interpreters import STANDALONE, release_of, series_of
from grocker.platforms.suites import DEFAULT, SUITES, Suite, debian_pythons, find_suite, nearest_suites
from grocker.progress import Progress
from grocker.store import Store
from grocker.tar.keys import cache_key

_SETTING = "[tool.grocker] python"


class Choice(msgspec.Struct, frozen=True):
    """A suite and an interpreter to build with."""

    suite: str
    standalone: str = ""
    """full version of a standalone interpreter; empty: the suite's own"""
    why: str = ""
    """for people"""

    @property
    def python(self) -> str:
        """Release series of the interpreter."""
        return series_of(self.standalone) if self.standalone else SUITES[self.suite].python

    def __str__(self) -> str:
        return f"Python {self.python} ({'standalone' if self.standalone else self.suite})"


class Choices(msgspec.Struct, frozen=True):
    """What to try, the best first."""

    best: tuple[Choice, ...]
    more: Callable[[], Sequence[Choice]] | None = None
    """standalone interpreters, for wheels that Debian's Pythons lack; None: no others are tried"""
    otherwise: tuple[Choice, ...] = ()
    """Debian's Pythons that the project allows too, if the standalone one that a file asks for cannot be had"""


class Standalone(msgspec.Struct, frozen=True):
    """The standalone interpreters that a build can have."""

    versions: Callable[[], Sequence[str]]
    """returns their full versions, the newest first; asks uv"""
    refused_by: str = ""
    """the setting, mostly of uv's, that excludes them; empty if none does"""

    def newest(self, series: str, ranges: Sequence[PythonRange]) -> str:
        """Return the newest version of a series that the ranges allow; empty if there is none."""
        if self.refused_by:
            return ""
        fitting = (one for one in self.versions() if series_of(one) == series)
        return next((one for one in fitting if allows(ranges, one.removesuffix("t"))), "")

    def series(self) -> list[str]:
        """Return the series of all of them, the newest first."""
        return [] if self.refused_by else list(dict.fromkeys(map(series_of, self.versions())))


def choose_suites(
    origin: Origin,
    named: str | None,
    settings: Settings,
    lock: Lock | None,
    context: Context,
    standalone: Standalone,
    *,
    refresh: bool = False,
) -> Choices:
    """Return what to build with.

    ``named``: the suite on the command line; else the settings' suite, else the lock's. Of a project the setting
    ``python`` decides then, ``.python-version``, ``runtime.txt`` or ``Pipfile``, and what ``requires-python`` and
    ``uv.lock`` allow; among those, the image of the Dockerfile is a preference. Debian's Python is preferred, because
    Debian mends it. ``refresh``: whether a locked standalone interpreter gives way to a newer one of its series.
    Raises SettingsError if no Python fits, MissingError if nobody has the one that the settings name.
    """
    python, fit = settings.python, _find_fit(context.store, _ranges(origin))
    ranges = fit.ranges
    suite = named or settings.debian.suite
    wanted = python or (find_suite(suite).python if suite is not None else None)
    fits = lock is not None and suite in (None, lock.base.suite) and wanted in (None, lock.interpreter.version)
    if lock is not None and fits and not (settings.debian.python_packages and _is_standalone(lock)):
        return Choices((_locked(lock, standalone, refresh=refresh),))
    if suite is not None:
        place = f"--debian {named}" if named else "debian.suite"
        if python is None or find_suite(suite).python == python:
            return Choices((Choice(suite, why=place),))
        return Choices((Choice(suite, _required(python, standalone), f"{_SETTING}; {place}"),))
    fitting = [SUITES[name] for name in fit.suites]
    pin = PythonPin(_SETTING, python) if python is not None else _read_pin(origin)
    if pin is not None:
        # The settings are the user's last word: what else is said of Python is judged where it is used.
        rows = SUITES.values() if python is not None else fitting
        why = f"{pin.place} asks for Python {pin.series}"
        exact = next((row for row in rows if row.python == pin.series), None)
        if exact is not None:
            return Choices((Choice(exact.name, why=why),))
        if python is not None:
            return Choices((Choice(DEFAULT, _required(python, standalone), why),))
        version = standalone.newest(pin.series, ranges)
        if version:
            why = f"{why}, which no Debian suite has"
            nearest = [row for row in nearest_suites(fitting, pin.series) if row.is_released]
            otherwise = tuple(Choice(row.name, why=f"the nearest to {pin.series}") for row in nearest)
            return Choices((Choice(DEFAULT, version, why),), otherwise=otherwise)
        fitting = nearest_suites(fitting, pin.series)
        _warn_of_pin(pin, fitting, ranges, standalone, context.progress)
    if fitting:
        image = _read_base_image(origin) if pin is None else None
        if image is not None and allows(ranges, f"{image.series}.999"):
            return _near_image(image, fitting, ranges, standalone)
        return _debian(fitting, ranges, standalone)
    why = f"no Debian Python satisfies {' and '.join(one.place for one in ranges)}"
    found = _allowed_versions(ranges, standalone)
    if not found:
        _fail(ranges, standalone)
    return Choices(tuple(Choice(DEFAULT, version, why) for version in found))


class _Fit(msgspec.Struct, frozen=True):
    """What versions that are allowed come to."""

    ranges: tuple[PythonRange, ...]
    """those that are well-formed"""
    suites: tuple[str, ...]
    """names of those whose Python they all allow"""


def _find_fit(store: Store, ranges: Sequence[PythonRange]) -> _Fit:
    """Return what the ranges come to; it is kept, because reading them takes longer than most of a rebuild's steps."""
    pythons = {row.name: row.python for row in SUITES.values()}
    key = cache_key("suites that fit", ranges, pythons)
    kept = store.kept_as("steps", key, _Fit)
    if kept is None:
        sound = allowed(ranges)
        kept = _Fit(sound, tuple(name for name, python in pythons.items() if allows(sound, f"{python}.999")))
        store.keep("steps", key, msgspec.json.encode(kept))
    return kept


def _ranges(origin: Origin) -> tuple[PythonRange, ...]:
    if origin.path is not None and origin.kind == "script":
        from grocker.config.script_metadata import read_script

        return (PythonRange("requires-python", read_script(origin.path).requires_python),)
    if origin.path is not None and origin.kind == "project":
        return read_ranges(origin.path)
    return ()


def _read_pin(origin: Origin) -> PythonPin | None:
    return read_pin(origin.path) if origin.kind == "project" and origin.path is not None else None


def _read_base_image(origin: Origin) -> PythonPin | None:
    return read_base_image(origin.path) if origin.kind == "project" and origin.path is not None else None


def _near_image(
    image: PythonPin, fitting: Sequence[Suite], ranges: Sequence[PythonRange], standalone: Standalone
) -> Choices:
    """Debian's Pythons that fit, the one of the Dockerfile or the nearest to it first."""
    released = [row for row in fitting if row.is_released] or fitting
    near = nearest_suites(released, image.series)
    using = "" if near[0].python == image.series else f"; using Debian's {near[0].python}"
    return _debian(
        near, ranges, standalone, why=f"the base image in the {image.place} has Python {image.series}{using}"
    )


def _is_standalone(lock: Lock) -> bool:
    return any(one.standalone is not None for one in lock.platforms)


def _locked(lock: Lock, standalone: Standalone, *, refresh: bool) -> Choice:
    files = [one.standalone for one in lock.platforms if one.standalone is not None]
    if not files:
        return Choice(lock.base.suite, why="grocker.lock")
    version = standalone.newest(series_of(files[0].version), ()) if refresh else ""
    return Choice(lock.base.suite, version or files[0].version, "grocker.lock")


def _debian(
    fitting: Sequence[Suite], ranges: Sequence[PythonRange], standalone: Standalone, *, why: str = ""
) -> Choices:
    """Debian's Pythons that fit, and older standalone ones, which have wheels of releases of their time."""
    first = fitting[0]
    rows = [first, *(row for row in fitting[1:] if row.is_released)]
    why = why or (f"allowed by {' and '.join(one.place for one in ranges)}" if ranges else "the default")
    tried = {row.python for row in rows}

    def more() -> Sequence[Choice]:
        found = _allowed_versions(ranges, standalone)
        older = (one for one in found if release_of(series_of(one)) < release_of(first.python))
        return [Choice(DEFAULT, one, "Debian's Pythons lack wheels") for one in older if series_of(one) not in tried]

    return Choices(tuple(Choice(row.name, why=why) for row in rows), None if standalone.refused_by else more)


def _allowed_versions(ranges: Sequence[PythonRange], standalone: Standalone) -> list[str]:
    """Return the newest version of each series that the ranges allow, the preferred first."""
    return [version for series in STANDALONE.series if (version := standalone.newest(series, ranges))]


def _required(series: str, standalone: Standalone) -> str:
    """Return the newest version of the series that the settings name. Raises MissingError."""
    version = standalone.newest(series, ())
    if version:
        return version
    if standalone.refused_by:
        raise SettingsError(
            f"{_SETTING}: Debian has no Python {series}, and {standalone.refused_by} excludes standalone Pythons",
            hint=f"change {standalone.refused_by}, or choose a Python from Debian: {debian_pythons()}",
        )
    raise MissingError(
        f"{_SETTING}: no Python {series} is available, from Debian or standalone",
        hint=f"choose a Python from Debian: {debian_pythons()}; or a standalone one: {_names(standalone)}",
    )


def _warn_of_pin(
    pin: PythonPin, fitting: Sequence[Suite], ranges: Sequence[PythonRange], standalone: Standalone, progress: Progress
) -> None:
    if standalone.newest(pin.series, ()) or any(row.python == pin.series for row in SUITES.values()):
        reason = f"which {' and '.join(f'{one.place} ({one.specifier})' for one in ranges)} excludes"
    elif standalone.refused_by:
        reason = f"which no Debian suite has, and {standalone.refused_by} excludes standalone Pythons"
    else:
        reason = "which is not available, from Debian or standalone"
    used = f"; using {fitting[0].python}" if fitting else ""
    progress.warn(
        f"{pin.place} asks for Python {pin.series}, {reason}{used}",
        hint=f"to choose a Python yourself, set python in [tool.grocker]; from Debian: {debian_pythons()};"
        f" standalone: {_names(standalone)}",
    )


def _fail(ranges: Sequence[PythonRange], standalone: Standalone) -> None:
    said = " and ".join(f"{one.place} ({one.specifier})" for one in ranges)
    lack = f"no Python satisfies {said}"
    if standalone.refused_by:
        lack = f"no Debian Python satisfies {said}, and {standalone.refused_by} excludes standalone Pythons"
    raise SettingsError(
        lack,
        hint=f"allow one of these; from Debian: {debian_pythons()}; standalone: {_names(standalone)}",
    )


def _names(standalone: Standalone) -> str:
    return ", ".join(standalone.series()) or "none"
