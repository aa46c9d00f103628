"""Services that a wheel declares itself: entry points of the group ``grocker.services``.

An entry point ``NAME = package.module:object`` names a literal, or a function that returns one: the table
that ``[tool.grocker.services.NAME]`` would hold. It is parsed from the module's source, because no application code
is executed to build its image.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from grocker.errors import SettingsError
from grocker.python.installed_wheel import Wheel
from grocker.python.metadata import EntryPoint
from grocker.tar.entry import File

GROUP = "grocker.services"
_HINT = 'write the table as a literal: {"wsgi": "package.wsgi:application"}, or a function that returns one'


def declared_services(wheel: Wheel) -> Mapping[str, Any]:
    """The tables by service, empty when the wheel declares none. Raises SettingsError for a malformed one."""
    points = sorted((p for p in wheel.entry_points if p.group == GROUP), key=lambda p: p.name)
    return {point.name: _value(wheel, point) for point in points}


def _value(wheel: Wheel, point: EntryPoint) -> Any:
    place = f"entry point in {GROUP}: {point.name} = {point.module}:{point.object}"
    base = f"{wheel.site}/{point.module.replace('.', '/')}"
    files = {entry.path: entry for entry in wheel.entries}
    entry = files.get(f"{base}.py") or files.get(f"{base}/__init__.py")
    if not isinstance(entry, File) or not isinstance(entry.data, bytes):
        raise SettingsError(f"{place}: the wheel has no module {point.module}", hint="fix the entry point")
    try:
        tree = ast.parse(entry.data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SettingsError(f"{place}: {point.module} is not valid Python: {error}", hint="fix the module") from error
    for node in tree.body:
        expression = _named(node, point.object)
        if expression is not None:
            try:
                return _checked(ast.literal_eval(expression), place)
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
                raise SettingsError(f"{place}: not a literal", hint=_HINT) from error
    raise SettingsError(f"{place}: no readable {point.object} in {point.module}", hint=_HINT)


def _checked(value: Any, place: str) -> Any:
    """``value``, none of whose strings has a surrogate: the image's documents are UTF-8."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str) and any("\ud800" <= c <= "\udfff" for c in one):
            raise SettingsError(f"{place}: {one!r} contains a lone surrogate", hint="write it as UTF-8")
        if isinstance(one, dict):
            left += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set):
            left += one
    return value


def _named(node: ast.stmt, name: str) -> ast.expr | None:
    """The value of ``name`` at the top of a module: an assigned value, or a function's return value."""
    match node:
        case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
            return value
        case ast.AnnAssign(target=ast.Name(id=found), value=value) if found == name:
            return value
        case ast.FunctionDef(name=found, body=[*_, ast.Return(value=value)]) if found == name:
            return value
    return None
