"""Services that a wheel declares itself: entry points of the group ``grocker.services``.

An entry point ``NAME = package.module:object`` names a literal, or a function that returns one: the table
that ``[tool.grocker.services.NAME]`` would hold. It is read from the module's source, because nothing of an application
is executed to build its image.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from grocker.errors import SettingsError
from grocker.python.metadata import EntryPoint
from grocker.python.wheel import Wheel
from grocker.tar.entry import File

GROUP = "grocker.services"
_HINT = 'write the table as a literal: {"wsgi": "package.wsgi:application"}, or a function that returns one'


def declared_services(wheel: Wheel) -> Mapping[str, Any]:
    """The tables by service, empty when the wheel declares none. SettingsError when one cannot be read."""
    points = sorted((p for p in wheel.entry_points if p.group == GROUP), key=lambda p: p.name)
    return {point.name: _value(wheel, point) for point in points}


def _value(wheel: Wheel, point: EntryPoint) -> Any:
    place = f"entry point {GROUP}: {point.name} = {point.module}:{point.object}"
    base = f"{wheel.site}/{point.module.replace('.', '/')}"
    files = {entry.path: entry for entry in wheel.entries}
    entry = files.get(f"{base}.py") or files.get(f"{base}/__init__.py")
    if not isinstance(entry, File) or not isinstance(entry.data, bytes):
        raise SettingsError(f"{place}: the wheel has no module {point.module}", hint="mend the entry point")
    try:
        tree = ast.parse(entry.data)
    except (SyntaxError, ValueError) as error:
        raise SettingsError(f"{place}: {point.module} is no Python: {error}", hint="mend the module") from error
    for node in tree.body:
        expression = _named(node, point.object)
        if expression is not None:
            try:
                return ast.literal_eval(expression)
            except ValueError as error:
                raise SettingsError(f"{place}: it is no literal", hint=_HINT) from error
    raise SettingsError(f"{place}: {point.module} has no {point.object} that could be read", hint=_HINT)


def _named(node: ast.stmt, name: str) -> ast.expr | None:
    """What ``name`` is given by a statement at the top of a module: an assigned value, or what a function returns."""
    match node:
        case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
            return value
        case ast.AnnAssign(target=ast.Name(id=found), value=value) if found == name:
            return value
        case ast.FunctionDef(name=found, body=[*_, ast.Return(value=value)]) if found == name:
            return value
    return None
