"""All settings by name, with what each expects: for whoever has no documentation at hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from grocker.config.settings import Settings


def list_settings() -> tuple[tuple[str, str], ...]:
    """Every setting as ``services.NAME.command`` with the kind of value that it expects, in the order of the schema."""
    return tuple(_fields(inspect.type_info(Settings), ""))


def _fields(info: inspect.Type, prefix: str) -> Iterator[tuple[str, str]]:
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        name = f"{prefix}{field.encode_name}"
        kind = field.type
        if isinstance(kind, inspect.StructType):
            yield from _fields(kind, f"{name}.")
        elif isinstance(kind, inspect.DictType) and isinstance(_plain(kind.value_type), inspect.StructType):
            yield from _fields(_plain(kind.value_type), f"{name}.NAME.")
        else:
            yield name, _words(kind)


def _plain(info: inspect.Type) -> inspect.Type:
    return info.type if isinstance(info, inspect.Metadata) else info


def _words(info: Any) -> str:
    match info:
        case inspect.Metadata(type=inner, extra_json_schema=schema):
            return str((schema or {}).get("description") or _words(inner))
        case inspect.UnionType(types=types):
            return ", or ".join(_words(one) for one in types if not isinstance(one, inspect.NoneType))
        case inspect.VarTupleType(item_type=item):
            return f"a list, each {_words(item)}"
        case inspect.DictType(value_type=value):
            return f"a table of names, each {_words(value)}"
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(map(str, values))
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number"
    return "text"
