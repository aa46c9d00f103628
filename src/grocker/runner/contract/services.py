"""The service that a name means. Contract: E2. Pure."""

from __future__ import annotations

import math

from ..base.failure import CONFIGURATION, USAGE, Failure
from .spec import Service, Spec

STOP_TIMEOUT = 8.0  # seconds: under the ten after which Docker kills
_LONGEST = 1_000_000  # seconds; what waits for something counts milliseconds in 32 bits


def listed(spec: Spec) -> str:
    """The services, for people."""
    names = ", ".join(sorted(spec.services)) or "none"
    return f"{names}, and any other name, served as www" if spec.any_service else names


def find(spec: Spec, arguments: tuple[str, ...]) -> tuple[str, Service]:
    """The service's name and definition; ``arguments`` are those behind ``start``. Raises Failure (64)."""
    if not arguments or not arguments[0]:
        raise Failure(USAGE, f"start: name a service: {_choice(spec)}")
    if len(arguments) > 1:
        raise Failure(USAGE, f"start: one service, nothing behind it, not {arguments[1]!r}: {_choice(spec)}")
    name = arguments[0]
    service = spec.services.get(name)
    if service is None and spec.any_service:
        service = spec.services.get("www")
    if service is None:
        raise Failure(USAGE, f"start: no service {name!r}: {_choice(spec)}")
    return name, service


def _choice(spec: Spec) -> str:
    if not spec.services:
        return "this image has no services: it runs commands, as --help says"
    return f"there is {listed(spec)}"


def stop_timeout(text: str | None) -> float:
    """GROCKER_STOP_TIMEOUT in seconds. Raises Failure (78)."""
    if not text:
        return STOP_TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST:
        raise Failure(CONFIGURATION, f"GROCKER_STOP_TIMEOUT={text}: a number of seconds from 0 to {_LONGEST}")
    return seconds
