"""The services of a project: from its settings, its entry points, its Procfile, or detected; the first wins whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from grocker.config import command_lines
from grocker.config.settings import ServiceName, ServiceSettings, Settings
from grocker.errors import SettingsError
from grocker.regex import regex
from grocker.runner.contract import spec
from grocker.runner.contract.names import APPLICATION_PORT

_PROCESS = regex(r"\s*(?P<name>[A-Za-z0-9_-]+)\s*:\s*(?P<command>\S.*?)\s*\Z")
_SHARED = frozenset(ServiceSettings.__struct_fields__) & frozenset(spec.Service.__annotations__)
_BROUGHT = frozenset({"gunicorn", "uvicorn"})
"""servers that a command may start without naming them among the requirements, as platforms that read Procfiles do"""
_PLATFORM_NGINX = regex(r"(?:\./)?bin/start-nginx\S*\s")
"""how a process of Heroku's nginx buildpack begins (heroku-buildpack-nginx, "Usage")"""
WEB = frozenset({"www", "web"})
"""names of services that serve the application over HTTP, also by a command"""
_OWN_PORT = regex(rf"\$\{{?PORT\b|\b{APPLICATION_PORT}\b")
_RELEASE = "release"
"""Heroku's release phase: a command to run before the services start (E13), not a service"""


class Services(msgspec.Struct, frozen=True):
    """The service table of an image."""

    table: Mapping[str, spec.Service]
    any_service: bool
    """a Django application that declares none: every name is served as ``www`` (contract, E2)"""
    source: str
    """where they were declared, for messages"""
    static: Mapping[str, tuple[str, ...] | bool] = msgspec.field(default_factory=lambda: MappingProxyType({}))
    """by service: the directories to show, below the installed packages; True for all named ``static``"""
    workdirs: Mapping[str, str] = msgspec.field(default_factory=lambda: MappingProxyType({}))
    """by service: its working directory, as it was written"""
    release: str | None = None
    """the shell command that a Procfile wants run before the services start"""

    @property
    def servers(self) -> tuple[str, ...]:
        """Distributions that the environment needs to serve the application; sorted."""
        served = {s.server for s in self.table.values() if s.command is None}
        started = {word for s in self.table.values() if s.command is not None for word in _programs(s.command)}
        return tuple(sorted(served | (started & _BROUGHT)))

    @property
    def web(self) -> tuple[str, ...]:
        """Names of the services that are known to serve HTTP, sorted."""
        return tuple(sorted(name for name, service in self.table.items() if _serves_http(name, service)))

    @property
    def packages(self) -> tuple[str, ...]:
        """Debian packages that the image needs for the proxy in front of a server."""
        return proxy_packages({name: s.media or bool(self.static.get(name)) for name, s in self.table.items()})


def _serves_http(name: str, service: spec.Service) -> bool:
    """Whether a service is known to serve HTTP on the application port; nothing tells it of some commands."""
    command = service.command
    if command is None or name in WEB or service.metrics or (service.ready or "").startswith("/"):
        return True
    if _OWN_PORT.search(command if isinstance(command, str) else " ".join(command)):
        return True
    lines = command_lines.commands(command) if isinstance(command, str) else [command]
    return any(command_lines.served_application(words) for words in lines)


class DetectedApplication(msgspec.Struct, frozen=True):
    """How an application is served, according to its files."""

    declared: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """tables by service, from its entry points"""
    django: bool = False
    """whether the target below is a Django project's"""
    kind: Literal["wsgi", "asgi"] = "wsgi"
    target: str | None = None
    """``module:attribute`` of a web application, if there is one"""
    commands: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """other programs by service: ``worker``"""
    static: bool = False
    """whether static files are to be shown"""


def _programs(command: tuple[str, ...] | str) -> Iterator[str]:
    """Yield the program of a command, and what gunicorn needs for the class of its workers."""
    words = command.split() if isinstance(command, str) else command
    yield next((word for word in words if "=" not in word and word not in ("exec", "env")), "")
    yield from (word.partition(".")[0] for word in words if word.endswith("UvicornWorker"))


def proxy_packages(services: Mapping[str, bool]) -> tuple[str, ...]:
    """The Debian packages that services need; each with whether it serves static or media files."""
    return ("nginx",) if any(services.values()) else ()


def find_services(settings: Settings, procfile: str | None, found: DetectedApplication) -> Services:
    """The service table, from the first source that declares any service.

    A table in the settings that names no program adds to the service of that name that is found.
    ``procfile``: the text of the project's ``Procfile``, if there is one. Raises SettingsError.
    """
    processes = _procfile(procfile) if procfile is not None else {}
    release = processes.pop(_RELEASE, None)
    services = _find(settings, processes, found)
    if release is None:
        return services
    assert isinstance(release.command, str)
    return msgspec.structs.replace(services, release=release.command)


def _find(settings: Settings, processes: Mapping[str, spec.Service], found: DetectedApplication) -> Services:
    """The service table; ``processes``: those of the Procfile."""
    if settings.services:
        partial = [name for name, one in settings.services.items() if not one.has_program]
        if not partial:
            return _of_tables(settings.services, "[tool.grocker.services]")
        detected = _detected(processes, found)
        for name in partial:
            if name not in detected:
                known = f"detected services: {', '.join(sorted(detected))}" if detected else "no service was detected"
                raise SettingsError(
                    f"services.{name} has no program, and Grocker detected no service of that name",
                    hint=f"set command, wsgi or asgi ({known})",
                )
        return _of_tables(
            {**detected, **{name: _merged(detected.get(name), one) for name, one in settings.services.items()}},
            "[tool.grocker.services] and detection",
        )
    if found.declared:
        return _of_tables(_entry_points(found.declared), "entry points")
    if processes and _replaced(processes, found):
        return _of_tables(_detected(processes, found), f"Procfile, and found {found.target}")
    if processes:
        return Services(MappingProxyType(processes), any_service=False, source="Procfile")
    detected = _detected({}, found)
    if detected:
        words = found.target or ", ".join(sorted(detected))
        one = _of_tables(detected, f"found {words}")
        return msgspec.structs.replace(one, any_service=found.django and len(detected) == 1)
    return Services(MappingProxyType({}), any_service=False, source="none")


def _detected(processes: Mapping[str, spec.Service], found: DetectedApplication) -> dict[str, ServiceSettings]:
    """What the project's files say of its services, as tables."""
    served = {} if found.target is None else {found.kind: found.target, "static": found.static}
    web = msgspec.convert(served, ServiceSettings)
    if processes:
        replaced = _replaced(processes, found)
        return {n: web if n in replaced else ServiceSettings(command=one.command) for n, one in processes.items()}
    detected = {name: ServiceSettings(command=command) for name, command in found.commands.items()}
    return {**detected, "www": web} if served else detected


def _replaced(processes: Mapping[str, spec.Service], found: DetectedApplication) -> tuple[str, ...]:
    """Return the processes that start a platform's nginx before the application: Grocker has one in its place."""
    return tuple(name for name, one in processes.items() if found.target and _PLATFORM_NGINX.match(str(one.command)))


def _merged(found: ServiceSettings | None, own: ServiceSettings) -> ServiceSettings:
    """``own``, with the program that was found if it names none."""
    if found is None or own.has_program:
        return own
    program = {"command": found.command, "wsgi": found.wsgi, "asgi": found.asgi}
    return msgspec.structs.replace(own, static=own.static or found.static, **program)


def _of_tables(tables: Mapping[str, ServiceSettings], source: str) -> Services:
    table = {name: _declared(tables[name]) for name in sorted(tables)}
    for name, service in table.items():
        if name in service.processes:
            raise SettingsError(
                f"services.{name}.processes: {name} is the name of the service itself",
                hint="rename the process",
            )
    static = {name: tables[name].static for name in table}
    return Services(
        MappingProxyType(table),
        any_service=False,
        source=source,
        static=MappingProxyType({name: given for name, given in static.items() if given}),
        workdirs=MappingProxyType({name: one.workdir for name, one in tables.items() if one.workdir is not None}),
    )


def _entry_points(declared: Mapping[str, Any]) -> dict[str, ServiceSettings]:
    table = {}
    for name in sorted(declared):
        try:
            service = msgspec.convert(declared[name], ServiceSettings)
            msgspec.convert(name, ServiceName)
        except msgspec.ValidationError as error:
            from grocker.config.files import dotted_name as dotted
            from grocker.config.problems import find_problems

            found = find_problems({"services": {name: declared[name]}}, Settings)
            words = "; ".join(f"{dotted(one.path[1:])}: {one.what}" for one in found) or f"{name}: {error}"
            raise SettingsError(
                f"entry point in grocker.services: {words}",
                hint="use the format of [tool.grocker.services]",
            ) from error
        if not service.has_program:
            raise SettingsError(
                f"entry point in grocker.services: {name}: expected one of command, wsgi and asgi",
                hint="use the format of [tool.grocker.services]",
            )
        table[name] = service
    return table


def _declared(service: ServiceSettings) -> spec.Service:
    """The service as the runner is told: what has the same name there is the same, but for the order of tables."""
    shared: dict[str, Any] = {name: getattr(service, name) for name in _SHARED}
    return spec.replace_fields(
        spec.Service(**shared),
        server=service.server or spec.servers_for("wsgi" if service.asgi is None else "asgi")[0],
        env=dict(sorted(service.env.items())),
        restart=spec.RestartLimit(times=service.restart.times, seconds=service.restart.seconds),
        processes=dict(sorted(service.processes.items())),
        static=(),  # found later, in the wheels
    )


def _procfile(text: str) -> dict[str, spec.Service]:
    """Process types of a Procfile: one ``NAME: COMMAND`` per line, ``#`` comments; ``web`` is also named ``www``."""
    table: dict[str, spec.Service] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _PROCESS.match(line)
        if match is None or "\0" in line:
            raise SettingsError(
                f"Procfile:{number}: expected NAME: COMMAND", hint="write, for example, web: gunicorn mysite.wsgi"
            )
        if match["name"] in table:
            raise SettingsError(
                f"Procfile:{number}: duplicate process type {match['name']}", hint="remove one of the two lines"
            )
        table[match["name"]] = spec.Service(command=match["command"])
    if "web" in table and "www" not in table:
        table["www"] = table["web"]
    return dict(sorted(table.items()))
