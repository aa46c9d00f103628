"""Requirements and environment markers, evaluated for the image and never for the host.

Source: PyPA dependency specifiers (PEP 508).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from grocker.errors import SettingsError
from grocker.python.indexes import hide_credentials
from grocker.python.metadata import normalise_name, repair_specifiers
from grocker.python.target import WheelTarget
from grocker.regex import regex

_NAME = regex(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
MARKER_ERRORS = (ValueError, KeyError, TypeError)
"""what ``packaging`` raises for a marker that it cannot read or evaluate; its own errors are ValueErrors"""


def marker_environment(target: WheelTarget) -> dict[str, str]:
    """The values of the marker variables on ``target``."""
    return {
        "implementation_name": "cpython",
        "implementation_version": target.full,
        "os_name": "posix",
        "platform_machine": target.machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": target.full,
        "python_version": target.release,
        "sys_platform": "linux",
        "extra": "",
    }


def parse_requirement(text: str) -> Any:
    """``text`` as a ``packaging`` requirement. Raises SettingsError when it is malformed."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(
            f"invalid requirement {hide_credentials(text)!r}: {hide_credentials(reason)}",
            hint="write it as NAME, NAME==1.0 or NAME[extra]>=1.0 (PEP 508)",
        ) from error


def required_name(text: str) -> str:
    """The normalised name at the beginning of a requirement, without ``packaging``; empty if there is none."""
    match = _NAME.match(text)
    return normalise_name(match[1]) if match is not None else ""


def active_requirements(
    name: str, requirements: Iterable[str], extras: Iterable[str], target: WheelTarget
) -> tuple[str, ...]:
    """The requirements of the distribution ``name`` that apply on ``target`` with ``extras``, without markers; sorted.

    ``requirements``: its ``Requires-Dist``. A requirement of itself (``all = ["name[one,two]"]``) adds those extras.
    Raises SettingsError for a malformed requirement.
    """
    variables = marker_environment(target)
    requested = {"", *map(normalise_name, extras)}
    parsed = [_parse_published(name, text, requested, variables) for text in requirements]
    while True:
        active = [r for r in parsed if any(_applies(r, {**variables, "extra": extra}) for extra in requested)]
        more = {
            normalise_name(extra) for r in active if normalise_name(r.name) == name for extra in r.extras
        } - requested
        if not more:
            break
        requested |= more
    others = [requirement for requirement in active if normalise_name(requirement.name) != name]
    for requirement in others:
        requirement.marker = None
    return tuple(sorted({str(requirement) for requirement in others}))


_PARTS = regex(r"\s*(?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<extras>\[[^]]*\])?\s*\(?(?P<specifiers>[^()@]*)\)?\s*")


def _parse_published(name: str, text: str, requested: Collection[str], variables: dict[str, str]) -> Any:
    """A requirement in the metadata of ``name``, which is not the user's to change: old forms are read as uv does.

    One that cannot be read and is for extras that nobody asks for applies nowhere. Raises SettingsError.
    """
    from packaging.markers import Marker

    try:
        return parse_requirement(text)
    except SettingsError as error:
        before, semicolon, marker = text.partition(";")
        parts = _PARTS.fullmatch(before)
        if parts is not None:
            specifiers = repair_specifiers(parts["specifiers"].strip())
            try:
                return parse_requirement(f"{parts['name']}{parts['extras'] or ''}{specifiers}{semicolon}{marker}")
            except SettingsError:
                pass
        try:
            applies = not semicolon or any(Marker(marker).evaluate({**variables, "extra": e}) for e in requested)
        except MARKER_ERRORS:
            applies = True
        if not applies:
            return parse_requirement(f"{name}; python_version < '0'")
        raise SettingsError(
            f"the metadata of {name} has an invalid requirement: {hide_credentials(text)!r}",
            hint=f"choose another release of {name}, or fix the requirement in the project: NAME, NAME==1.0 (PEP 508)",
        ) from error


def _applies(requirement: Any, variables: dict[str, str]) -> bool:
    try:
        return requirement.marker is None or bool(requirement.marker.evaluate(variables))
    except MARKER_ERRORS as error:
        raise SettingsError(
            f"invalid marker in {hide_credentials(str(requirement))!r}: {error}",
            hint="fix the marker, after the semicolon (PEP 508)",
        ) from error
