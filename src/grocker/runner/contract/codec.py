"""Reads and writes ``image.json``, schema 1. Contract: C4, E2, E7, U1.

The annotations of the values say what a member of the document has to be, so a new field needs nothing here.
"""

from __future__ import annotations

from ..base.value import TYPE_CHECKING, Value, fields_of, has_default
from .spec import (
    ADDED,
    FRONT,
    NOTIFY,
    SCHEMA,
    STOP_SIGNALS,
    ContainerUser,
    RestartLimit,
    Service,
    Spec,
    SpecError,
    default_namespace,
    is_plain,
    servers_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar, TypeVar

    ValueKind = TypeVar("ValueKind", bound=Value)


def encode(spec: Spec) -> bytes:
    """Return the document: sorted keys, ASCII, one line, so the same values give the same bytes.

    Raises SpecError when ``decode`` would refuse it.
    """
    import json

    document = {"schema": SCHEMA, **_plain(spec)}
    text = json.dumps(document, sort_keys=True, ensure_ascii=True, separators=(",", ":")) + "\n"
    data = text.encode("ascii")
    decode(data)
    return data


def decode(data: bytes) -> Spec:
    """Read the document. Raises SpecError for an unknown or missing key, or for a wrong type or schema."""
    parsed = _parse(data)
    if b"\\u" in data:  # nothing else writes such characters in JSON
        _refuse_unusable_text(parsed, "image.json")
    document = _Reader(parsed, "image.json")
    if document.take("schema", int) != SCHEMA:
        raise SpecError(f"image.json: unknown schema, expected {SCHEMA}")
    spec = _fields(Spec, document)
    _check(spec)
    return spec


def _fields(kind: type[ValueKind], table: _Reader) -> ValueKind:
    """Read a value whose fields are the members of ``table``."""
    fields = {
        field: table.read(field, annotation)
        for field, annotation in kind.__annotations__.items()
        if field in table.table or field not in ADDED
    }
    table.end()
    return kind(**fields)


def _check_service(service: Service, place: str) -> None:
    if sum(kind is not None for kind in (service.command, service.wsgi, service.asgi)) != 1:
        raise SpecError(f"{place}: exactly one of command, wsgi and asgi must be set")
    if service.command is not None and not service.command:
        raise SpecError(f"{place}.command: empty")
    for name, command in service.processes.items():
        _check_name(name, f"{place}.processes", "process")
        if not command:
            raise SpecError(f"{place}.processes.{name}: empty")
    for name, target in (("wsgi", service.wsgi), ("asgi", service.asgi)):
        if target is not None and not all(target.partition(":")):
            raise SpecError(f"{place}.{name}: expected module:attribute, got {target!r}")
    if service.server not in servers_for("wsgi" if service.asgi is None else "asgi"):
        raise SpecError(f"{place}.server: unknown server {service.server!r}")
    if service.command is not None and service.front:
        raise SpecError(f"{place}: static and media need wsgi or asgi, not a command")
    for directory in service.static:
        if not is_plain(directory) or not directory.startswith("/"):
            raise SpecError(f"{place}.static: expected an absolute path without special characters, got {directory!r}")
    if service.stop_signal not in STOP_SIGNALS:
        raise SpecError(f"{place}.stop_signal: expected one of {', '.join(STOP_SIGNALS)}, got {service.stop_signal!r}")
    if service.ready not in (None, NOTIFY) and not _is_target(service.ready):
        raise SpecError(f"{place}.ready: expected a path or {NOTIFY!r}, got {service.ready!r}")
    if service.metrics is not None and not _is_target(service.metrics):
        raise SpecError(f"{place}.metrics: expected a path, got {service.metrics!r}")
    for field in ("workers", "memory"):
        number = getattr(service, field)
        if number is not None and number < 1:
            raise SpecError(f"{place}.{field}: must be at least 1, got {number}")
    if service.directory is not None and not service.directory.startswith("/"):
        raise SpecError(f"{place}.directory: must be an absolute path, got {service.directory!r}")
    if service.restart.times < 0 or service.restart.seconds < 1:
        raise SpecError(f"{place}.restart: times must be at least 0 and seconds at least 1")


def _is_target(path: str | None) -> bool:
    """Whether it can be a request's target in origin-form (RFC 9112, 3.2.1)."""
    return path is not None and path.startswith("/") and path.isascii() and path.isprintable() and " " not in path


def _check(spec: Spec) -> None:
    namespace = spec.namespace
    if not namespace or default_namespace(namespace) != namespace:
        raise SpecError(f"image.json: namespace may contain A–Z, 0–9 and _ only, got {namespace!r}")
    if spec.any_service and "www" not in spec.services:
        raise SpecError("image.json: any_service needs a service www")
    if not spec.user.home.startswith("/"):
        raise SpecError(f"image.json: home must be an absolute path, got {spec.user.home!r}")
    if spec.crontab is not None and not spec.crontab.startswith("/"):
        raise SpecError(f"image.json: crontab must be an absolute path, got {spec.crontab!r}")
    if spec.directory is not None and not spec.directory.startswith("/"):
        raise SpecError(f"image.json: directory must be an absolute path, got {spec.directory!r}")
    for path in spec.writable:
        if not path.rstrip("/") or path.startswith("/") or ".." in path.split("/"):
            raise SpecError(f"image.json: writable must be paths below the application, got {path!r}")
    if spec.installed and not (spec.installed.isascii() and spec.installed.isalnum()):
        raise SpecError(f"image.json: installed may contain letters and digits only, got {spec.installed!r}")
    for name, service in spec.services.items():
        _check_name(name, "image.json", "service")
        for taken in {name, FRONT} & set(service.processes):
            raise SpecError(f"services.{name}.processes: the name {taken} is already taken")


def _check_name(name: str, place: str, what: str) -> None:
    if not name or name.startswith("-") or any(c in name for c in "\0\n/ "):
        raise SpecError(f"{place}: {name!r} is not a valid name for a {what}")


class _Reader:
    """Takes typed members out of a JSON object; members left at the end are unknown."""

    def __init__(self, value: object, place: str) -> None:
        if not isinstance(value, dict):
            raise SpecError(f"{place}: expected an object")
        self.table: dict[str, object] = value
        self.place = place

    def read(self, key: str, annotation: str) -> Any:
        """Take the member of a field with that annotation."""
        kind = annotation.removesuffix(" | None")
        if kind != annotation and self.table.get(key, "") is None:
            return self.table.pop(key)
        return _READERS[kind](self, key)

    def take(self, key: str, kind: type) -> Any:
        if key not in self.table:
            raise SpecError(f"{self.place}: {key} is missing")
        value = self.table.pop(key)
        if type(value) is not kind:  # not isinstance: True is an int
            raise SpecError(f"{self.place}: {key}: expected {kind.__name__}")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list)
        if not all(isinstance(value, str) for value in values):
            raise SpecError(f"{self.place}: {key}: expected a list of strings")
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
                raise SpecError(f"{self.place}: {key}.{name} is not a valid environment variable")
        return {name: values[name] for name in sorted(values)}

    def commands(self, key: str) -> dict[str, tuple[str, ...] | str]:
        table = self.inner(key)
        return {name: table.command(name) for name in sorted(table.table)}

    def services(self, key: str) -> dict[str, Service]:
        table = self.inner(key)
        services = {}
        for name in sorted(table.table):
            services[name] = _fields(Service, table.inner(name))
            _check_service(services[name], f"services.{name}")
        return services

    def inner(self, key: str) -> _Reader:
        """Take an object."""
        if key not in self.table:
            raise SpecError(f"{self.place}: {key} is missing")
        place = key if self.place == "image.json" else f"{self.place}.{key}"
        return _Reader(self.table.pop(key), place)

    def end(self) -> None:
        if self.table:
            raise SpecError(f"{self.place}: unknown key {', '.join(sorted(self.table))}")


_READERS: dict[str, Callable[[_Reader, str], Any]] = {
    "str": lambda table, key: table.take(key, str),
    "int": lambda table, key: table.take(key, int),
    "bool": lambda table, key: table.take(key, bool),
    "tuple[str, ...]": _Reader.strings,
    "tuple[str, ...] | str": _Reader.command,
    "Mapping[str, str]": _Reader.mapping,
    "Mapping[str, tuple[str, ...] | str]": _Reader.commands,
    "Mapping[str, Service]": _Reader.services,
    "ContainerUser": lambda table, key: _fields(ContainerUser, table.inner(key)),
    "RestartLimit": lambda table, key: _fields(RestartLimit, table.inner(key)),
}
"""How a field is read, by its annotation without ``| None``."""


def _plain(value: Any) -> Any:
    if isinstance(value, Value):
        written = [field for field in fields_of(value) if field not in ADDED or not has_default(value, field)]
        return {field: _plain(getattr(value, field)) for field in written}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _refuse_unusable_text(value: object, place: str) -> None:
    """Refuse text that no command line, variable or path can contain: NUL, and surrogates without their pair."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise SpecError(f"{place}: expected text without NUL and lone surrogates, got {value!a}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _refuse_unusable_text(item, f"{place}[{number}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_unusable_text(key, place)
            _refuse_unusable_text(item, key if place == "image.json" else f"{place}.{key}")


def _refuse(constant: str) -> None:
    raise SpecError(f"image.json: {constant} is not valid JSON")


class _Scan:
    """The context that CPython's C scanner expects (Modules/_json.c, scanner_new)."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = _refuse
    memo: ClassVar[dict[str, str]] = {}


def _parse(data: bytes) -> object:
    """Parse JSON with the C scanner that ``json`` uses: ``import json`` takes 10 ms, mostly for ``re``."""
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
            raise SpecError("image.json: not valid JSON") from None
        if end != len(text):
            raise SpecError("image.json: trailing data after the document")
        result: object = value
        return result
    except SpecError:
        raise
    except ValueError as error:
        raise SpecError(f"image.json: not valid JSON: {error}") from None
