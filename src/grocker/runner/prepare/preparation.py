"""What happens at each start before anything of the application's runs. Contract: C1–C5, E7, S1, X4."""

from __future__ import annotations

import os

from ..base import scratch
from ..base.failure import CONFIGURATION, Failure, warn
from ..base.value import TYPE_CHECKING
from ..config import configuration
from ..contract.paths import Places
from . import account, environment, ssh_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..contract.spec import Spec


def prepare(
    spec: Spec, given: Mapping[str, str], places: Places, *, service: str | None = None, strict: bool = True
) -> dict[str, str]:
    """The application's environment, with everything in place that it names; kept for ``grocker-runner exec``.

    ``given``: variables from the engine. With ``strict``, the first thing wrong is raised; otherwise errors of
    status 78 are warnings (C5), and what can be prepared is. Raises Failure: 73, 78.
    """
    scratch.renew(places.scratch)
    failures: list[Failure] = []
    if given.get("TZ"):
        from . import time_zone

        _attempt(lambda: time_zone.check(given["TZ"], given.get("TZDIR") or places.zones), failures)
    failures += configuration.prepare(places, spec.namespace, given)
    _attempt(lambda: ssh_directory.prepare(f"{places.config}/ssh-dir", spec.user.home), failures)
    if strict and failures:
        raise failures[0]
    user = account.prepare(spec.user, os.getuid(), os.getgid(), places.scratch, given.get("LD_PRELOAD", ""))
    made = environment.compose(spec, given, places, user=user.name, extra=user.variables, service=service)
    if made.refused:
        warn(f"set by the runner alone, what was given is not used: {', '.join(made.refused)}")
    for failure in failures:
        warn(failure.message)
    first = failures[0].message if failures else ""
    scratch.save(places.scratch, scratch.Record(prepared=made.variables, given=given, failure=first))
    return dict(made.variables)


def _attempt(step: Callable[[], None], failures: list[Failure]) -> None:
    try:
        step()
    except Failure as failure:
        if failure.status != CONFIGURATION:
            raise
        failures.append(failure)
