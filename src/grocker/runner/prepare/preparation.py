"""Prepares the container at each start, before any of the application's code runs. Contract: C1–C5, E7, S1, X4."""

from __future__ import annotations

import os

from ..base import scratch
from ..base.failure import CONFIGURATION, Failure, warn
from ..base.value import TYPE_CHECKING
from ..config import configuration, operator_mistakes
from ..contract.names import ContainerLayout
from . import account, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..contract.spec import Spec


def prepare(
    spec: Spec, given: Mapping[str, str], layout: ContainerLayout, *, service: str | None = None, strict: bool = True
) -> dict[str, str]:
    """Prepare everything and return the application's environment, which is also kept for ``grocker-runner exec``.

    ``given``: the engine's variables. With ``strict``, the first failure is raised; otherwise failures of status 78 are
    warnings (C5), and whatever can be prepared is. Raises Failure: 73, 78.
    """
    scratch.create(layout.scratch)
    failures: list[Failure] = []
    if given.get("TZ"):
        from . import time_zone

        _attempt(lambda: time_zone.check_time_zone(given["TZ"], given.get("TZDIR") or layout.zones), failures)
    read = configuration.prepare_configuration(layout, spec.namespace, given)
    failures += read.failures
    operator_mistakes.warn_mistyped_mounts(layout)
    operator_mistakes.warn_misplaced_files(layout)
    operator_mistakes.warn_mistyped_sections(read.texts, layout.base_settings)
    operator_mistakes.warn_service_links(read.texts, spec.namespace, given)
    ssh_source = f"{layout.config}/ssh-dir"
    if os.path.lexists(ssh_source):
        from . import ssh_directory

        _attempt(lambda: ssh_directory.copy_ssh_directory(ssh_source, spec.user.home), failures)
    if strict and failures:
        raise failures[0]
    if not os.access(layout.media, os.W_OK | os.X_OK):
        from .mounts import warn_unwritable

        warn_unwritable(layout.media, read_only=False)
    if spec.writable:
        from .writable_paths import create_targets

        create_targets(spec.writable, layout)
    user = account.prepare_account(spec.user, os.getuid(), os.getgid(), layout.scratch, given.get("LD_PRELOAD", ""))
    composed = environment.compose(spec, given, layout, user=user.name, extra=user.variables, service=service)
    if composed.refused:
        warn(f"ignoring variables that only the runner may set: {', '.join(composed.refused)}")
    for failure in failures:
        warn(failure.message)
    first = failures[0].message if failures else ""
    scratch.save(layout.scratch, scratch.StartRecord(prepared=composed.variables, given=given, failure=first))
    return dict(composed.variables)


def _attempt(step: Callable[[], None], failures: list[Failure]) -> None:
    try:
        step()
    except Failure as failure:
        if failure.status != CONFIGURATION:
            raise
        failures.append(failure)
