"""Finds the service that ``start NAME`` means, and the time it has for stopping. Contract: E1, E2. Pure."""

from __future__ import annotations

import math

from ..base.failure import CONFIGURATION, USAGE, Failure
from .names import GROCKER_STOP_TIMEOUT
from .spec import Service, Spec

STOP_TIMEOUT = 8.0  # seconds; Docker kills after ten
_LONGEST = 1_000_000  # seconds; epoll_wait(2) counts milliseconds in 32 bits


def list_services(spec: Spec) -> str:
    """Return the services' names, for people."""
    listed = ", ".join(sorted(spec.services)) or "none"
    return f"{listed}; any other name starts www" if spec.any_service else listed


def find_service(spec: Spec, arguments: tuple[str, ...]) -> tuple[str, Service]:
    """Return the service's name and definition; ``arguments`` follow ``start``. Raises Failure (64)."""
    if not arguments or not arguments[0]:
        raise Failure(USAGE, f"start: no service named; {_choice(spec)}")
    if len(arguments) > 1:
        raise Failure(USAGE, f"start: expected one service, got the extra argument {arguments[1]!r}; {_choice(spec)}")
    name = arguments[0]
    service = spec.services.get(name)
    if service is None and spec.any_service:
        service = spec.services.get("www")
    if service is None:
        raise Failure(USAGE, f"start: unknown service {name!r}; {_choice(spec)}")
    return name, service


def _choice(spec: Spec) -> str:
    if not spec.services:
        return "this image has no services, it runs commands (see --help)"
    return f"this image has: {list_services(spec)}"


def parse_stop_timeout(text: str | None) -> float:
    """Return the value of GROCKER_STOP_TIMEOUT in seconds, or the default. Raises Failure (78)."""
    if not text:
        return STOP_TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST:
        raise Failure(
            CONFIGURATION, f"{GROCKER_STOP_TIMEOUT}={text}: expected a number of seconds from 0 to {_LONGEST}"
        )
    return seconds
