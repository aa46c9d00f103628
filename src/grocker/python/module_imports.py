"""What a module imports, read from its text: nothing is executed."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from grocker.regex import regex

_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
"""who catches one of these does without the module"""
_LINE = regex(
    r"\n(?:import[ \t]+(?P<modules>[^\n;#]+)"
    r"|from[ \t]+(?P<base>[.\w]+)[ \t]+import[ \t]*(?P<names>\((?:#[^\n]*\n|[^)#]){0,5000}\)|(?:\\\r?\n|[^\n;#])+))"
)
_CHECKS = frozenset({"TYPE_CHECKING", "version_info", "hexversion", "PY2", "PY3"})
"""names in the test of an ``if`` that decides by the Python, or is for type checkers alone"""


def parse(source: bytes | str) -> ast.Module | None:
    """Parse a module; None if this Python cannot."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def unconditional_imports(module: ast.Module) -> frozenset[str]:
    """Return the outermost names of the modules that are imported whenever this one is, whatever the Python."""
    found = {name.partition(".")[0] for node in module.body for name in _imported(node, "")}
    return frozenset(found - {""})


def line_imports(source: bytes, package: str) -> Iterator[str]:
    """Yield dotted names as ``all_imports`` does, of the imports that are not indented, without parsing the source.

    For many modules: an import in a string counts too.
    """
    for match in _LINE.finditer("\n" + source.decode("utf-8", "replace")):
        if match["modules"]:
            yield from (words[0] for one in match["modules"].split(",") if (words := one.split()))
            continue
        base = _absolute(match["base"].lstrip("."), len(match["base"]) - len(match["base"].lstrip(".")), package)
        if base is not None:
            yield base
            listed = re.sub(r"#[^\n]*|[()\\]", "", match["names"])
            yield from (f"{base}.{words[0]}" for one in listed.split(",") if (words := one.split()))


def all_imports(module: ast.Module, package: str) -> frozenset[str]:
    """Return the dotted names that may be imported, in functions too, without those whose lack is caught.

    ``from a import b`` gives ``a`` and ``a.b``, which may be no module. ``package``: that of the module, dotted.
    """
    found: set[str] = set()
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Try) and any(map(_handles, node.handlers)):
            waiting += [*node.orelse, *node.finalbody]
        elif isinstance(node, ast.If) and any(map(_checks, ast.walk(node.test))):
            continue
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update(_imported(node, package))
        else:
            waiting += ast.iter_child_nodes(node)
    return frozenset(found)


def strings(module: ast.Module) -> frozenset[str]:
    """Return the string literals that may name a module (``shop.urls``, ``main:app``), up to a colon."""
    texts = (node.value for node in ast.walk(module) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    names = (text.partition(":")[0] for text in texts if len(text) < 100)
    return frozenset(name for name in names if all(part.isidentifier() for part in name.split(".")))


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(node.module or "", node.level, package)
        if base is not None:
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _absolute(name: str, level: int, package: str) -> str | None:
    """Return the dotted name that a relative one means in a package; None if that is not known."""
    if not level:
        return name
    parents = package.split(".")
    if not package or level > len(parents):
        return None
    return ".".join((*parents[: len(parents) - level + 1], *filter(None, [name])))


def _checks(node: ast.AST) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in _CHECKS


def _handles(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or (isinstance(kind, ast.Name) and kind.id in _IMPORT_ERRORS) for kind in kinds)
