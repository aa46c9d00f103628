"""The files of several wheels in one environment: which of two at one path is installed.

Source: Python packaging user guide, "Packaging namespace packages" (pkgutil-style, pkg_resources-style).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from grocker.errors import SettingsError
from grocker.python.metadata import normalise_name
from grocker.regex import regex
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
_ANNOTATED = regex(r"^__path__: [^=]+ = ")


_OPTIONAL = regex(
    r"(?:.*/)?site-packages/(?:(?:tests?|testing|docs?|examples?|benchmarks?|scripts?|tools)/.*|[^/]+(?<!\.py)(?<!\.so)(?<!\.pth))"
    r"|(?!(?:.*/)?site-packages/).*"
)
"""what pip and uv let a later wheel replace without harm: tests, documentation, programs, files beside packages"""


class Collision(msgspec.Struct, frozen=True):
    """A file that several wheels install with different contents."""

    path: str
    """in the image, without the leading slash"""
    winner: str
    """the wheel whose file is installed"""
    losers: tuple[str, ...]


def overlay(
    wheels: Iterable[tuple[str, Iterable[Entry]]],
    prefer: Sequence[str] = (),
    collided: Callable[[Collision], object] | None = None,
) -> Iterator[tuple[str, tuple[Entry, ...]]]:
    """Each wheel's name with its directories and those files that are installed from it.

    ``wheels``: (name for errors, which begins with the distribution's; entries). The same file with the same content
    and mode may be in several, and so may modules that do the same: then it is installed from the first. ``prefer``:
    names of distributions whose files count, the first one most; without one, the later wheel's tests, documentation
    and programs count. ``collided`` is called with each such file.
    Raises SettingsError that names the file and both wheels when other files differ.
    """
    listed = [(name, tuple(entries)) for name, entries in wheels]
    holders: dict[str, list[tuple[str, Entry]]] = {}
    for name, entries in listed:
        for entry in entries:
            if not isinstance(entry, Directory):
                holders.setdefault(entry.path, []).append((name, entry))
    owners: dict[str, str] = {}
    for path in sorted(path for path, held in holders.items() if len(held) > 1):
        owners[path] = _owner(
            path, holders[path], prefer, collided, is_bytecode=len(holders.get(_source_of(path), ())) > 1
        )
    for path in owners:
        if (source := _source_of(path)) in owners:
            owners[path] = owners[source]
    for name, entries in listed:
        yield name, tuple(e for e in entries if isinstance(e, Directory) or owners.get(e.path, name) == name)


def _owner(
    path: str,
    held: Sequence[tuple[str, Entry]],
    prefer: Sequence[str],
    collided: Callable[[Collision], object] | None,
    *,
    is_bytecode: bool,
) -> str:
    (first, entry), *others = held
    differing = [name for name, other in others if not _same(entry, other) and not _is_same_module(entry, other)]
    if not differing or is_bytecode:
        return first
    names = [name for name, _ in held]
    winner = next((n for one in prefer for n in names if normalise_name(n.split(" ")[0]) == normalise_name(one)), None)
    if winner is None:
        if not _OPTIONAL.fullmatch(path):
            wheels = " or ".join(f'"{normalise_name(name.split(" ")[0])}"' for name in (first, differing[0]))
            raise SettingsError(
                f"{first} and {differing[0]} both install /{path}, with different contents",
                hint=f"remove one of them, or choose which one is installed: prefer = [{wheels}] in [tool.grocker]",
            )
        winner = names[-1]
        if collided is not None:
            collided(Collision(path, winner, tuple(name for name in names if name != winner)))
    return winner


def _same(one: Entry, other: Entry) -> bool:
    if not isinstance(one, File) or not isinstance(other, File):
        return one == other
    from grocker.python import record

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
