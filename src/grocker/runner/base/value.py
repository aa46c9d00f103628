"""Frozen values that cost next to nothing to define.

Importing ``dataclasses`` (which imports ``inspect``) takes 20 ms, ``typing.NamedTuple`` 8 ms: more than the runner may
spend on a one-shot command. The type checker sees an ordinary keyword-only frozen dataclass.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing for it is too slow; type checkers know the name
if TYPE_CHECKING:
    from typing import Any, dataclass_transform
else:

    def dataclass_transform(**_: object):  # noqa: D103
        return lambda cls: cls


@dataclass_transform(kw_only_default=True, frozen_default=True)
class _ValueType(type):
    """Turns the annotations of a class into slots, and the values assigned to them into defaults."""

    def __new__(mcls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> _ValueType:
        fields = tuple(space.get("__annotations__", ()))
        space["_defaults"] = {field: space.pop(field) for field in fields if field in space}
        space["_fields"] = fields
        space["__slots__"] = fields
        return super().__new__(mcls, name, bases, space)


class Value(metaclass=_ValueType):
    """Base of the runner's values: compared by their fields, never changed.

    Subclasses annotate their fields (``from __future__ import annotations`` is needed) and inherit no fields.
    Raises TypeError for an unknown field or a missing one without a default.
    """

    if not TYPE_CHECKING:

        def __init__(self, **given):
            for field in self._fields:
                if field in given:
                    value = given.pop(field)
                elif field in self._defaults:
                    value = self._defaults[field]
                else:
                    raise TypeError(f"{type(self).__name__} needs {field}")
                object.__setattr__(self, field, value)
            if given:
                raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(given))}")

        def __setattr__(self, field, value):
            raise AttributeError(f"{type(self).__name__} is frozen")

        def __delattr__(self, field):
            raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(getattr(self, f) == getattr(other, f) for f in fields_of(self))

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, field) for field in fields_of(self)))

    def __repr__(self) -> str:
        inside = ", ".join(f"{field}={getattr(self, field)!r}" for field in fields_of(self))
        return f"{type(self).__name__}({inside})"


def has_default(value: Value, field: str) -> bool:
    """Whether a field of a value is as its class has it."""
    defaults: dict[str, Any] = value._defaults  # type: ignore[attr-defined]
    return field in defaults and bool(getattr(value, field) == defaults[field])


def fields_of(value: Value) -> tuple[str, ...]:
    """Return the names of a value's fields, in the order of the class."""
    fields: tuple[str, ...] = value._fields  # type: ignore[attr-defined]
    return fields
