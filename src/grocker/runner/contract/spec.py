"""``/opt/grocker/image.json``, schema 1: what the build tells the runner.

The builder encodes it into the application's layer, the runner decodes it at each start. Reading it must cost little,
hence no ``json``, ``dataclasses`` or ``typing`` at import (see :mod:`.value`). Contract: C4, E2, E7, U1.
"""

from __future__ import annotations

from ..base.value import TYPE_CHECKING, Value, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, ClassVar

SCHEMA = 1
CONTRACT = 1
PATH = "/opt/grocker/image.json"
CRONTAB = "/opt/grocker/crontab"
USERS_OF_OTHERS = frozenset({"root", "www-data"})  # K2: whom a crontab with a user column names
STOP_SIGNALS = ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "WINCH")
GRANIAN = "granian"
SERVERS = {"wsgi": ("gunicorn", GRANIAN), "asgi": ("uvicorn", GRANIAN)}  # the first is taken when none is named
NOTIFY = "notify"
FRONT = "nginx"  # the name of the process in front of a server
_NOT_IN_A_DIRECTORY = frozenset("\"'\\$;{}*?#")  # what nginx's configuration would read something else into


class SpecError(ValueError):
    """The document is not an image.json of this schema: one line, naming the place in it."""


class User(Value):
    """Who the container runs as (U1). ``home`` is absolute."""

    name: str = "blue"
    uid: int = 1000
    gid: int = 0
    home: str = "/home/blue"


class Restart(Value):
    """E1: at most ``times`` restarts in ``seconds``; ``times`` 0 leaves restarting to the engine."""

    times: int = 5
    seconds: int = 60


class Service(Value):
    """A long-running program of the application: one of ``command``, ``wsgi`` and ``asgi``.

    ``command``: argument list, or one line for ``/bin/sh -c`` (Procfile). ``wsgi``, ``asgi``:
    ``package.module:attribute``, run by ``server``, which must be in the application's environment. ``workers``:
    processes of the server, None for as many as the container's CPUs call for. ``env``: set for this service unless the
    operator gave the variable. ``stop_signal``: one of STOP_SIGNALS. ``ready``: path that answers below 500 once the
    service is ready (H1), NOTIFY for sd_notify, or None.

    ``processes``: by name, what runs beside it in the same container, each as ``command``. ``static``: absolute
    directories that ``/static`` shows, the first that has a file wins; ``media``: the application answers with
    X-Accel-Redirect: both bring nginx in front of the server (X1). ``metrics``: path on 8080 whose answer is merged
    into that of 8081 (H2). ``memory``: MiB that a worker may come to before it is renewed, None for what the
    container's limit allows.
    """

    command: tuple[str, ...] | str | None = None
    wsgi: str | None = None
    asgi: str | None = None
    server: str = "gunicorn"
    workers: int | None = None
    env: Mapping[str, str] = {}
    stop_signal: str = "TERM"
    ready: str | None = None
    restart: Restart = Restart()
    processes: Mapping[str, tuple[str, ...] | str] = {}
    static: tuple[str, ...] = ()
    media: bool = False
    metrics: str | None = None
    memory: int | None = None

    @property
    def front(self) -> bool:
        """Whether nginx stands in front of the server."""
        return bool(self.static) or self.media


class Spec(Value):
    """The whole document.

    ``name``, ``version``, ``extras``: of the distribution, as released. ``namespace``: prefix of the application's
    variables (C4), ``[A-Z0-9_]+``. ``grocker``: the version that built the image. ``any_service``: every name that is
    not in ``services`` is served as ``www`` is (E2, a Django application that declares none). ``variables``: the
    build's own for E7's environment, weaker than ``-e``. ``crontab``: absolute path of the application's own (K1).
    ``installed``: where a service has static files, what tells what is installed from what is in another image.
    """

    name: str
    version: str
    extras: tuple[str, ...] = ()
    namespace: str
    grocker: str
    contract: int = CONTRACT
    user: User = User()
    services: Mapping[str, Service] = {}
    any_service: bool = False
    django_settings_module: str | None = None
    variables: Mapping[str, str] = {}
    crontab: str | None = None
    installed: str = ""


def showing(service: Service, static: tuple[str, ...]) -> Service:
    """``service``, with these directories of static files."""
    fields: dict[str, Any] = {field: getattr(service, field) for field in fields_of(service)}
    return Service(**{**fields, "static": static})


def default_namespace(name: str) -> str:
    """C4: the distribution's name in upper case, every character outside A–Z0–9 as ``_``."""
    upper = name.upper()
    return "".join(c if c.isascii() and (c.isdigit() or c.isalpha()) else "_" for c in upper)


def encode(spec: Spec) -> bytes:
    """The document, the same bytes for the same values: sorted keys, ASCII, one line.

    Raises SpecError when ``decode`` would refuse it.
    """
    import json

    document = {"schema": SCHEMA, **_plain(spec)}
    text = json.dumps(document, sort_keys=True, ensure_ascii=True, separators=(",", ":")) + "\n"
    data = text.encode("ascii")
    decode(data)
    return data


def decode(data: bytes) -> Spec:
    """Strict: an unknown or missing key, another type or schema raises SpecError."""
    document = _Reader(_parse(data), "image.json")
    if document.take("schema", int) != SCHEMA:
        raise SpecError(f"image.json: schema is not {SCHEMA}")
    user = _Reader(document.take("user", dict), "user")
    services = document.take("services", dict)
    spec = Spec(
        name=document.take("name", str),
        version=document.take("version", str),
        extras=document.strings("extras"),
        namespace=document.take("namespace", str),
        grocker=document.take("grocker", str),
        contract=document.take("contract", int),
        user=User(
            name=user.take("name", str),
            uid=user.take("uid", int),
            gid=user.take("gid", int),
            home=user.take("home", str),
        ),
        services={name: _service(services[name], f"services.{name}") for name in sorted(services)},
        any_service=document.take("any_service", bool),
        django_settings_module=document.maybe("django_settings_module", str),
        variables=document.mapping("variables"),
        crontab=document.maybe("crontab", str),
        installed=document.take("installed", str),
    )
    user.end()
    document.end()
    _check(spec)
    return spec


def check_crontab(data: bytes, place: str, user: str, commands: Iterable[str]) -> None:
    """Raises SpecError, with ``place`` and line, for a crontab that ``cron`` would refuse in a container (K1, K2).

    ``user``: the container's; ``commands``: those of the application. Time zones are looked for in the container alone.
    """
    from ..base.failure import Failure
    from ..cron import crontab_file

    try:
        crontab_file.parse(data, place, users=(USERS_OF_OTHERS | {user}) - set(commands))
    except Failure as failure:
        raise SpecError(failure.message) from None


def _service(value: object, place: str) -> Service:
    table = _Reader(value, place)
    restart = _Reader(table.take("restart", dict), f"{place}.restart")
    processes = _Reader(table.take("processes", dict), f"{place}.processes")
    service = Service(
        command=table.command("command") if table.table.get("command", "") is not None else table.maybe("command", str),
        wsgi=table.maybe("wsgi", str),
        asgi=table.maybe("asgi", str),
        server=table.take("server", str),
        workers=table.maybe("workers", int),
        env=table.mapping("env"),
        stop_signal=table.take("stop_signal", str),
        ready=table.maybe("ready", str),
        restart=Restart(times=restart.take("times", int), seconds=restart.take("seconds", int)),
        processes={name: processes.command(name) for name in sorted(processes.table)},
        static=table.strings("static"),
        media=table.take("media", bool),
        metrics=table.maybe("metrics", str),
        memory=table.maybe("memory", int),
    )
    restart.end()
    table.end()
    _check_service(service, place)
    return service


def _check_service(service: Service, place: str) -> None:
    if sum(kind is not None for kind in (service.command, service.wsgi, service.asgi)) != 1:
        raise SpecError(f"{place}: one of command, wsgi and asgi")
    if service.command is not None and not service.command:
        raise SpecError(f"{place}.command: empty")
    for name, command in service.processes.items():
        _check_name(name, f"{place}.processes", "process")
        if not command:
            raise SpecError(f"{place}.processes.{name}: empty")
    for name, target in (("wsgi", service.wsgi), ("asgi", service.asgi)):
        if target is not None and not all(target.partition(":")):
            raise SpecError(f"{place}.{name}: {target!r} is not module:attribute")
    if service.server not in SERVERS["wsgi" if service.asgi is None else "asgi"]:
        raise SpecError(f"{place}.server: {service.server!r} is not known")
    if service.command is not None and service.front:
        raise SpecError(f"{place}: static and media are for wsgi and asgi, not for a command")
    for directory in service.static:
        if not is_plain(directory) or not directory.startswith("/"):
            raise SpecError(f"{place}.static: {directory!r} is no absolute directory of plain characters")
    if service.stop_signal not in STOP_SIGNALS:
        raise SpecError(f"{place}.stop_signal: {service.stop_signal!r} is none of {', '.join(STOP_SIGNALS)}")
    if service.ready not in (None, NOTIFY) and not _is_target(service.ready):
        raise SpecError(f"{place}.ready: {service.ready!r} is neither a path nor {NOTIFY}")
    if service.metrics is not None and not _is_target(service.metrics):
        raise SpecError(f"{place}.metrics: {service.metrics!r} is no path")
    for field in ("workers", "memory"):
        number = getattr(service, field)
        if number is not None and number < 1:
            raise SpecError(f"{place}.{field}: below 1")
    if service.restart.times < 0 or service.restart.seconds < 1:
        raise SpecError(f"{place}.restart: times from 0, seconds from 1")


def is_plain(directory: str) -> bool:
    """Whether a path may stand in nginx's configuration: no ``..``, and no character that means something there."""
    parts = directory.split("/")
    return ".." not in parts and all(c.isprintable() and c != " " and c not in _NOT_IN_A_DIRECTORY for c in directory)


def _is_target(path: str | None) -> bool:
    """Whether it can be asked for in a line of HTTP: origin-form, RFC 9112, 3.2.1."""
    return path is not None and path.startswith("/") and path.isascii() and path.isprintable() and " " not in path


def _check(spec: Spec) -> None:
    namespace = spec.namespace
    if not namespace or default_namespace(namespace) != namespace:
        raise SpecError(f"image.json: namespace {namespace!r} is not A–Z, 0–9 and _")
    if spec.any_service and "www" not in spec.services:
        raise SpecError("image.json: any_service without a service www to serve it")
    if not spec.user.home.startswith("/"):
        raise SpecError(f"image.json: home {spec.user.home!r} is not absolute")
    if spec.crontab is not None and not spec.crontab.startswith("/"):
        raise SpecError(f"image.json: crontab {spec.crontab!r} is not absolute")
    if spec.installed and not (spec.installed.isascii() and spec.installed.isalnum()):
        raise SpecError(f"image.json: installed {spec.installed!r} is not letters and digits")
    for name, service in spec.services.items():
        _check_name(name, "image.json", "service")
        for taken in {name, FRONT} & set(service.processes):
            raise SpecError(f"services.{name}.processes: {taken} is another process's name")


def _check_name(name: str, place: str, what: str) -> None:
    if not name or name.startswith("-") or any(c in name for c in "\0\n/ "):
        raise SpecError(f"{place}: {name!r} cannot name a {what}")


class _Reader:
    """Takes typed members out of a JSON object; what is left at the end is unknown."""

    def __init__(self, value: object, place: str) -> None:
        if not isinstance(value, dict):
            raise SpecError(f"{place}: not an object")
        self.table: dict[str, object] = value
        self.place = place

    def take(self, key: str, kind: type) -> Any:
        if key not in self.table:
            raise SpecError(f"{self.place}: {key} is missing")
        value = self.table.pop(key)
        if type(value) is not kind:  # not isinstance: True is an int
            raise SpecError(f"{self.place}: {key} is not {kind.__name__}")
        return value

    def maybe(self, key: str, kind: type) -> Any:
        if key in self.table and self.table[key] is None:
            return self.table.pop(key)
        return self.take(key, kind)

    def strings(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list)
        if not all(isinstance(value, str) for value in values):
            raise SpecError(f"{self.place}: {key} holds something else than strings")
        return tuple(values)

    def command(self, key: str) -> tuple[str, ...] | str:
        if isinstance(self.table.get(key), list):
            return self.strings(key)
        line: str = self.take(key, str)
        return line

    def mapping(self, key: str) -> dict[str, str]:
        values: dict[str, Any] = self.take(key, dict)
        for name, value in values.items():
            if not isinstance(value, str) or not name or "=" in name or "\0" in name + value:
                raise SpecError(f"{self.place}: {key}.{name} is not an environment variable")
        return {name: values[name] for name in sorted(values)}

    def end(self) -> None:
        if self.table:
            raise SpecError(f"{self.place}: unknown {', '.join(sorted(self.table))}")


def _plain(value: Any) -> Any:
    if isinstance(value, Value):
        return {field: _plain(getattr(value, field)) for field in fields_of(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _refuse(constant: str) -> None:
    raise SpecError(f"image.json: {constant} is no JSON")


class _Scan:
    """What CPython's C scanner asks of its context (Modules/_json.c, scanner_new)."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = _refuse
    memo: ClassVar[dict[str, str]] = {}


def _parse(data: bytes) -> object:
    """JSON text to objects through the scanner below ``json``: ``import json`` takes 10 ms, mostly for ``re``."""
    try:
        text = data.decode("utf-8").strip()
        try:
            from _json import make_scanner
        except ImportError:  # an interpreter without the accelerator
            import json

            return json.loads(text)
        try:
            value, end = make_scanner(_Scan)(text, 0)  # type: ignore[arg-type]
        except StopIteration:
            raise SpecError("image.json: not JSON") from None
        if end != len(text):
            raise SpecError("image.json: something follows the document")
        result: object = value
        return result
    except SpecError:
        raise
    except ValueError as error:
        raise SpecError(f"image.json: not JSON: {error}") from None
