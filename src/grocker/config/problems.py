"""Find all problems of a table of settings. Called only after msgspec has rejected it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import date, time
from difflib import get_close_matches
from typing import Any

import msgspec
from msgspec import inspect

from grocker.config.positions import KeyPath


class SettingProblem(msgspec.Struct, frozen=True):
    """An invalid value or key."""

    path: KeyPath
    what: str
    near: str | None = None
    """the likely intention"""
    is_kind: bool = False
    """whether the value is of another kind altogether"""


def find_problems(table: object, kind: type) -> tuple[SettingProblem, ...]:
    """Every problem of ``table``, as TOML gives it, with the msgspec struct ``kind``, in the order of the file."""
    return tuple(_judge(table, inspect.type_info(kind), (), None))


def _judge(value: Any, info: inspect.Type, path: KeyPath, words: str | None) -> Iterator[SettingProblem]:
    match info:
        case inspect.Metadata(type=inner, extra_json_schema=schema):
            yield from _judge(value, inner, path, (schema or {}).get("description", words))
        case inspect.StructType():
            yield from _struct(value, info, path)
        case inspect.DictType(key_type=key_type, value_type=value_type):
            if not isinstance(value, dict):
                yield _other(value, "a table", path)
                return
            for key, inner in value.items():
                yield from _judge(key, key_type, (*path, key), words)
                yield from _judge(inner, value_type, (*path, key), words)
        case inspect.VarTupleType(item_type=item_type):
            if not isinstance(value, list):
                yield _other(value, "a list", path)
                return
            for number, inner in enumerate(value):
                yield from _judge(inner, item_type, (*path, number), words)
        case inspect.UnionType(types=types):
            yield from _union(value, types, path, words)
        case inspect.LiteralType(values=values):
            if not isinstance(value, str):
                yield _other(value, "text", path)
            elif value not in values:
                choices = ", ".join(str(v) for v in values)
                few = choices if len(values) == 1 else f"one of {choices}"
                yield SettingProblem(path, f"expected {few}, found {value!r}", _near(value, [str(v) for v in values]))
        case inspect.StrType(pattern=pattern):
            if not isinstance(value, str):
                yield _other(value, "text", path)
            elif pattern is not None and re.search(pattern, value) is None:
                yield SettingProblem(path, f"expected {words or f'text that matches {pattern}'}, found {_shown(value)}")
        case inspect.IntType(ge=least, le=most):
            if not isinstance(value, int) or isinstance(value, bool):
                yield _other(value, "a whole number", path)
            elif least is not None and value < least:
                yield SettingProblem(path, f"expected a number of at least {least}, found {value}")
            elif most is not None and value > most:
                yield SettingProblem(path, f"expected a number of at most {most}, found {value}")
        case inspect.BoolType():
            if not isinstance(value, bool):
                yield _other(value, "true or false", path)


def _struct(value: Any, info: inspect.StructType, path: KeyPath) -> Iterator[SettingProblem]:
    if not isinstance(value, dict):
        yield _other(value, "a table", path)
        return
    fields = {field.encode_name: field for field in info.fields}
    sound = True
    for key, inner in value.items():
        if key not in fields:
            sound = False
            yield SettingProblem((*path, key), "unknown setting", _near(key, fields))
            continue
        for problem in _judge(inner, fields[key].type, (*path, key), None):
            sound = False
            yield problem
    if sound:
        try:
            msgspec.convert(value, info.cls)
        except msgspec.ValidationError as error:
            yield SettingProblem(path, str(error).partition(" - at ")[0])


def _union(value: Any, types: Collection[inspect.Type], path: KeyPath, words: str | None) -> Iterator[SettingProblem]:
    """Check against the member of a union that ``value`` resembles; TOML has no null."""
    choices = [one for one in types if not isinstance(one, inspect.NoneType)]
    for one in choices:
        found = tuple(_judge(value, one, path, words))
        is_alike = not any(problem.path == path and problem.is_kind for problem in found)
        if len(choices) == 1 or is_alike:
            yield from found
            return
    yield _other(value, " or ".join(_KINDS[type(one)] for one in choices), path)


_KINDS = {
    inspect.BoolType: "true",
    inspect.Metadata: "text",
    inspect.StrType: "text",
    inspect.VarTupleType: "a list",
}
"""the members of unions in the settings"""


def _other(value: Any, expected: str, path: KeyPath) -> SettingProblem:
    return SettingProblem(path, f"expected {expected}, found {_kind(value)}", is_kind=True)


def _kind(value: Any) -> str:
    """The value's kind, not the value itself, which may be a secret."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case dict():
            return "a table"
        case list():
            return "a list"
        case date() | time():
            return "a date or time"
    return type(value).__name__


def _shown(value: str) -> str:
    """A value for a message: shortened, and hidden if it may contain a password."""
    if "://" in value or "@" in value:
        return "something else"
    return repr(value if len(value) <= 40 else value[:40] + "…")


def _near(word: str, known: Collection[str]) -> str | None:
    close = get_close_matches(word.replace("_", "-").lower(), list(known), n=1, cutoff=0.7)
    return close[0] if close else None
