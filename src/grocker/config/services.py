"""Which services a project has: declared in its settings, in its Procfile, or found (the first that has any)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from grocker.config.settings import Service as Declared
from grocker.config.settings import Settings
from grocker.errors import SettingsError
from grocker.runner import spec

_PROCESS = re.compile(r"\s*(?P<name>[A-Za-z0-9_-]+)\s*:\s*(?P<command>.+?)\s*\Z")
_NOT_SERVICES = frozenset({"release"})  # Heroku's release phase is a one-off command (E13), not a service


@dataclass(frozen=True, slots=True)
class Services:
    """The service table of an image."""

    table: Mapping[str, spec.Service]
    any_service: bool
    """a Django application that declares none: every name is served as ``www`` (contract, E2)"""
    source: str
    """for people: where they were declared"""

    @property
    def servers(self) -> tuple[str, ...]:
        """Distributions that the environment needs besides the application, to serve it; sorted."""
        return tuple(sorted({s.server for s in self.table.values() if s.wsgi is not None}))


def services(settings: Settings, procfile: str | None, django_wsgi: str | None) -> Services:
    """The service table.

    ``procfile``: the text of the project's ``Procfile``, if there is one; ``django_wsgi``: ``module:attribute`` of the
    WSGI application that was found in a Django project, if any. Raises SettingsError.
    """
    if settings.services:
        table = {name: _declared(settings.services[name]) for name in sorted(settings.services)}
        return Services(MappingProxyType(table), any_service=False, source="[tool.grocker.services]")
    if procfile is not None:
        table = _procfile(procfile)
        if table:
            return Services(MappingProxyType(table), any_service=False, source="Procfile")
    if django_wsgi is not None:
        table = {"www": spec.Service(wsgi=django_wsgi)}
        return Services(MappingProxyType(table), any_service=True, source=f"found {django_wsgi}")
    return Services(MappingProxyType({}), any_service=False, source="none")


def _declared(service: Declared) -> spec.Service:
    return spec.Service(
        command=service.command,
        wsgi=service.wsgi,
        server=service.server,
        workers=service.workers,
        env=dict(sorted(service.env.items())),
        stop_signal=service.stop_signal,
        ready=service.ready,
        restart=spec.Restart(times=service.restart.times, seconds=service.restart.seconds),
    )


def _procfile(text: str) -> dict[str, spec.Service]:
    """Process types of a Procfile: ``NAME: COMMAND`` a line, ``#`` comments; ``web`` is called ``www`` besides."""
    table: dict[str, spec.Service] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _PROCESS.match(line)
        if match is None:
            raise SettingsError(
                f"Procfile:{number}: not NAME: COMMAND", hint="write a process type, a colon, a command"
            )
        if match["name"] not in _NOT_SERVICES:
            table[match["name"]] = spec.Service(command=match["command"])
    if "web" in table and "www" not in table:
        table["www"] = table["web"]
    return dict(sorted(table.items()))
