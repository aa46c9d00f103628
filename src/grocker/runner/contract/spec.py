"""The values of ``image.json``: what the build tells the runner. Contract: C4, E2, E7, U1.

:mod:`.codec` reads and writes the file. Every start reads it, so neither module imports ``json``, ``dataclasses`` or
``typing`` at the top (see :mod:`..base.value`).
"""

from __future__ import annotations

from ..base.value import TYPE_CHECKING, Value, fields_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

SCHEMA = 1
CONTRACT = 1
STOP_SIGNALS = ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "WINCH")
NOTIFY = "notify"
"""The value of ``ready`` for sd_notify."""
FRONT = "nginx"
"""The name of the process in front of a server."""
FOREIGN_USERS = frozenset({"root", "www-data"})
"""Users that a crontab with a user column names (K2)."""
ADDED = frozenset({"directory", "writable", "uses_getconf"})
"""Fields that images of earlier versions lack. With its default, such a field is not in the document."""
_UNSAFE_IN_NGINX = frozenset("\"'\\$;{}*?#")


class SpecError(ValueError):
    """The document is not a valid ``image.json`` of this schema: one line that names the place."""


class SupportedServer(Value):
    """A server that Grocker runs applications with; its code is ``servers/NAME_server.py``.

    ``name``: also of the distribution to install; ``interfaces``: ``wsgi``, ``asgi``; ``single_socket``: it takes one
    listening socket only; ``serves_alone``: with one worker, the main process answers requests itself.
    """

    name: str
    interfaces: tuple[str, ...]
    single_socket: bool = False
    serves_alone: bool = False


SERVERS = (
    SupportedServer(name="gunicorn", interfaces=("wsgi",)),
    SupportedServer(name="uvicorn", interfaces=("asgi",), serves_alone=True),
    SupportedServer(name="granian", interfaces=("wsgi", "asgi"), single_socket=True),
)
"""The first one of an interface is its default."""


def servers_for(interface: str) -> tuple[str, ...]:
    """The names of the servers for ``wsgi`` or ``asgi``, the default first; empty for anything else."""
    return tuple(server.name for server in SERVERS if interface in server.interfaces)


class ContainerUser(Value):
    """The user that the container runs as (U1). ``home`` is absolute."""

    name: str = "blue"
    uid: int = 1000
    gid: int = 0
    home: str = "/home/blue"


class RestartLimit(Value):
    """At most ``times`` restarts in ``seconds`` (E1); with ``times`` 0 the engine restarts the container."""

    times: int = 5
    seconds: int = 60


class Service(Value):
    """A long-running program of the application; exactly one of ``command``, ``wsgi`` and ``asgi`` is set.

    ``command``: an argument list, or a line for ``/bin/sh -c`` (Procfile). ``wsgi``, ``asgi``:
    ``package.module:attribute``, run by ``server``, which must be installed in the application's environment.
    ``workers``: processes of the server, None for as many as the container's CPUs allow. ``env``: variables of this
    service, unless the operator sets them. ``stop_signal``: one of STOP_SIGNALS. ``ready``: a path that answers below
    500 once the service is ready (H1), NOTIFY for sd_notify, or None.

    ``processes``: companion processes by name, each as ``command``. ``static``: absolute directories served as
    ``/static``, the first that has the file wins; ``media``: the application answers with X-Accel-Redirect; either
    puts nginx in front of the server (X1). ``metrics``: the application's own metrics path, merged into the status
    port's (H2). ``memory``: MiB that a worker may use before it is recycled, None for its share of the container's
    limit. ``directory``: absolute path where its processes start, None for the image's (E5).
    """

    command: tuple[str, ...] | str | None = None
    wsgi: str | None = None
    asgi: str | None = None
    server: str = SERVERS[0].name
    workers: int | None = None
    env: Mapping[str, str] = {}
    stop_signal: str = "TERM"
    ready: str | None = None
    restart: RestartLimit = RestartLimit()
    processes: Mapping[str, tuple[str, ...] | str] = {}
    static: tuple[str, ...] = ()
    media: bool = False
    metrics: str | None = None
    memory: int | None = None
    directory: str | None = None

    @property
    def front(self) -> bool:
        """Whether nginx stands in front of the server."""
        return bool(self.static) or self.media

    @property
    def server_traits(self) -> SupportedServer:
        """The row of ``server``."""
        return next(one for one in SERVERS if one.name == self.server)


class Spec(Value):
    """The whole document.

    ``name``, ``version``, ``extras``: of the distribution, as released. ``namespace``: prefix of the application's
    variables (C4), ``[A-Z0-9_]+``. ``grocker``: the version that built the image. ``any_service``: whether any name
    that is not in ``services`` starts ``www`` (E2, a Django application that declares no services). ``variables``: set
    by the build (E7), weaker than ``-e``. ``crontab``: absolute path of the application's own (K1). ``installed``:
    identifies the installed static files, so that those of two images differ. ``directory``: absolute path where
    services and cron jobs start, None for the home (E5). ``writable``: paths below ``/opt/app`` that are links into
    ``/media``, those of directories with ``/`` at the end (E15). ``uses_getconf``: whether the variable for getconf is
    set (C4); for another application it may be one of its own.
    """

    name: str
    version: str
    extras: tuple[str, ...] = ()
    namespace: str
    grocker: str
    contract: int = CONTRACT
    user: ContainerUser = ContainerUser()
    services: Mapping[str, Service] = {}
    any_service: bool = False
    django_settings_module: str | None = None
    variables: Mapping[str, str] = {}
    crontab: str | None = None
    installed: str = ""
    directory: str | None = None
    writable: tuple[str, ...] = ()
    uses_getconf: bool = True


def replace_fields(service: Service, **changes: Any) -> Service:
    """Return ``service`` with other values of these fields."""
    fields: dict[str, Any] = {field: getattr(service, field) for field in fields_of(service)}
    return Service(**{**fields, **changes})


def default_namespace(name: str) -> str:
    """Return the distribution's name in upper case, with ``_`` for every character outside A–Z and 0–9 (C4)."""
    upper = name.upper()
    return "".join(c if c.isascii() and (c.isdigit() or c.isalpha()) else "_" for c in upper)


def is_plain(directory: str) -> bool:
    """Whether a path can be written into nginx's configuration: no ``..``, no character with a meaning there."""
    parts = directory.split("/")
    return ".." not in parts and all(c.isprintable() and c != " " and c not in _UNSAFE_IN_NGINX for c in directory)
