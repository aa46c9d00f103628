"""The files of several wheels in one environment: which of two at one path is installed.

Source: Python packaging user guide, "Packaging namespace packages" (pkgutil-style, pkg_resources-style).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from grocker.errors import SettingsError
from grocker.python import record
from grocker.tar.entry import Directory, Entry, File

_NAMESPACE = frozenset(
    {
        "from pkgutil import extend_path",
        "from pkg_resources import declare_namespace",
        "import pkgutil",
        "import pkg_resources",
        "__path__ = extend_path(__path__, __name__)",
        "__path__ = pkgutil.extend_path(__path__, __name__)",
        "__path__ = __import__('pkgutil').extend_path(__path__, __name__)",
        "__import__('pkg_resources').declare_namespace(__name__)",
        "pkg_resources.declare_namespace(__name__)",
        "declare_namespace(__name__)",
        "pass",
    }
)
_ANNOTATED = re.compile(r"^__path__: [^=]+ = ")


def overlay(wheels: Iterable[tuple[str, Iterable[Entry]]]) -> Iterator[tuple[str, tuple[Entry, ...]]]:
    """Each wheel's name with its directories, and the files that no earlier wheel has.

    ``wheels``: (name for errors, entries). The same file with the same content and mode may be in several, and so may
    modules that do the same.
    Raises SettingsError that names the file and both wheels when they differ.
    """
    seen: dict[str, tuple[str, Entry]] = {}
    for wheel, entries in wheels:
        own: list[Entry] = []
        listed = list(entries)
        alike = {e.path for e in listed if e.path in seen and _is_same_module(seen[e.path][1], e)}
        for entry in listed:
            if entry.path in alike or _source_of(entry.path) in alike:
                continue
            earlier = seen.setdefault(entry.path, (wheel, entry))
            if earlier[1] is entry or isinstance(entry, Directory):
                own.append(entry)
            if not _same(earlier[1], entry):
                raise SettingsError(
                    f"{earlier[0]} and {wheel} both install /{entry.path}, with different contents",
                    hint="remove one of them, or choose versions that do not collide",
                )
        yield wheel, tuple(own)


def _same(one: Entry, other: Entry) -> bool:
    if not isinstance(one, File) or not isinstance(other, File):
        return one == other
    return one.mode == other.mode and (one.data == other.data or record.hash_file(one) == record.hash_file(other))


def _is_same_module(one: Entry, other: Entry) -> bool:
    """Whether two files differ but are modules that do the same."""
    return (
        isinstance(one, File)
        and isinstance(other, File)
        and one.path.endswith(".py")
        and isinstance(one.data, bytes)
        and isinstance(other.data, bytes)
        and (one.data, one.mode) != (other.data, other.mode)
        and is_same_code(one.data, other.data)
    )


def _source_of(path: str) -> str:
    """The source of the bytecode at ``path`` (PEP 3147); empty for other files."""
    directory, _, name = path.rpartition("/")
    parent, slash, cache = directory.rpartition("/")
    return f"{parent}{slash}{name.partition('.')[0]}.py" if cache == "__pycache__" and name.endswith(".pyc") else ""


def is_same_code(one: bytes, other: bytes) -> bool:
    """Whether two modules do the same: equal but for comments and docstring, or both only declare a namespace."""
    try:
        first, second = _statements(one), _statements(other)
        if [ast.dump(node) for node in first] == [ast.dump(node) for node in second]:
            return True
        return _is_namespace(first) and _is_namespace(second)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # no Python, or too deep to compare
        return False


def _statements(source: bytes) -> list[ast.stmt]:
    """The statements of a module, without its docstring."""
    body = ast.parse(source).body
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
    return body


def _is_namespace(statements: list[ast.stmt]) -> bool:
    return bool(statements) and all(_declares(node) for node in statements)


def _declares(node: ast.stmt) -> bool:
    if isinstance(node, ast.Try):
        parts = [*node.body, *(one for handler in node.handlers for one in handler.body), *node.orelse, *node.finalbody]
        return all(_declares(one) for one in parts)
    return _ANNOTATED.sub("__path__ = ", ast.unparse(node)) in _NAMESPACE
