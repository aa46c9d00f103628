"""Read a module of the product with ``ast``, and tell which texts an expression in it may have.

An expression is evaluated as far as it is literal. A placeholder of an f-string becomes ``{name}``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path

_ALTERNATIVES = 24
"""Texts that one expression may have: more than these say nothing new."""
_DEPTH = 8
_FEW = 3
"""Alternatives of one placeholder that are worth a row each; of more, each is a row of its own."""
_LETTERS = re.compile(r"[A-Za-z]{2}")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Module:
    """A parsed module."""

    name: str
    """its path below the directory that has the package"""
    constants: Mapping[str, ast.expr]
    functions: Mapping[str, ast.FunctionDef]
    within: Mapping[ast.AST, ast.FunctionDef]
    """each node's innermost function"""
    calls: Sequence[ast.Call]
    classes: Mapping[str, ast.ClassDef]
    imports: Mapping[str, tuple[str, str]]
    """module and name of what it imports from the package, by local name"""
    others: Mapping[str, Module]
    """all modules by dotted name, this one too"""
    details: set[tuple[int, str]] = field(default_factory=set)
    """line and text of reasons that are too many for a row each, filled as texts are read"""
    assigned: dict[ast.FunctionDef, dict[str, list[ast.expr]]] = field(default_factory=dict)
    """what a function assigns to each of its names, filled when asked for"""


def parse_module(path: Path, source: Path, others: Mapping[str, Module]) -> Module:
    """Parse the module at ``path``, below ``source``. ``others``: all of them, filled when all are parsed."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = path.relative_to(source.parent).as_posix()
    constants: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            constants[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            constants[node.target.id] = node.value
    functions: dict[str, ast.FunctionDef] = {}
    within: dict[ast.AST, ast.FunctionDef] = {}
    calls: list[ast.Call] = []
    classes: dict[str, ast.ClassDef] = {}
    imports: list[ast.ImportFrom] = []

    def visit(node: ast.AST, function: ast.FunctionDef | None) -> None:
        for inner in ast.iter_child_nodes(node):
            if function is not None:
                within[inner] = function
            if isinstance(inner, ast.Call):
                calls.append(inner)
            elif isinstance(inner, ast.ClassDef):
                classes[inner.name] = inner
            elif isinstance(inner, ast.FunctionDef):
                functions.setdefault(inner.name, inner)
            elif isinstance(inner, ast.ImportFrom):
                imports.append(inner)
            visit(inner, inner if isinstance(inner, ast.FunctionDef) else function)

    visit(tree, None)
    return Module(name, constants, functions, within, calls, classes, dict(_imported(imports, name)), others)


def _imported(imports: Sequence[ast.ImportFrom], name: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield what a module imports: local name, and the module and name that it comes from."""
    here = name.removesuffix(".py").split("/")
    for node in imports:
        above = here[: -node.level] if node.level else []
        module = ".".join((*above, *([node.module] if node.module else [])))
        yield from ((one.asname or one.name, (module, one.name)) for one in node.names)


def says(text: str) -> bool:
    """Whether there is anything in it besides placeholders."""
    return _LETTERS.search(_PLACEHOLDER.sub("", text)) is not None


def last_name(node: ast.expr) -> str:
    """The name, or the last part of a dotted one; empty for another expression."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def texts(node: ast.expr, module: Module, depth: int = 0) -> tuple[str, ...]:
    """What an expression may say: its literal parts, with ``{name}`` for the rest; at most so many alternatives."""
    if depth > _DEPTH:
        return (f"{{{placeholder(node)}}}",)
    found = tuple(dict.fromkeys(islice(_texts(node, module, depth), _ALTERNATIVES)))
    return found or (f"{{{placeholder(node)}}}",)


def _texts(node: ast.expr, module: Module, depth: int) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(value)):
            yield value
        case ast.JoinedStr(values=parts):
            yield from map("".join, product(*(_part(part, module, depth) for part in parts)))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from map("".join, product(texts(left, module, depth + 1), texts(right, module, depth + 1)))
        case ast.IfExp(body=body, orelse=orelse):
            yield from texts(body, module, depth + 1)
            yield from texts(orelse, module, depth + 1)
        case ast.BoolOp(op=ast.Or(), values=values):
            for inner in values:
                yield from texts(inner, module, depth + 1)
        case ast.Name(id=name) | ast.Attribute(attr=name) if name.startswith("GROCKER_"):
            yield name  # a variable of the contract: its constant is its name (tests/architecture)
        case ast.Name():
            for inner in _values(node, node.id, module):
                yield from texts(inner, module, depth + 1)
        case ast.Call(func=ast.Attribute(attr="red" | "yellow" | "bold" | "dim"), args=[styled]):
            yield from texts(styled, module, depth + 1)
        case ast.Call(func=func):
            for function, owner in _called(func, module):
                returned = [one.value for one in ast.walk(function) if isinstance(one, ast.Return)]
                given = [one for one in returned if one is not None and not _is_none(one)]
                if owner is module or all(map(is_text, given)):
                    for said in filter(is_text, given):
                        found = texts(said, owner, depth + 1)
                        yield from filter(says, found) if isinstance(said, ast.Call) and owner is module else found


def _called(func: ast.expr, module: Module) -> Iterator[tuple[ast.FunctionDef, Module]]:
    """Yield the function that is called, and its module: of the same one, or of another one of the package."""
    match func:
        case ast.Name(id=name) if name in module.functions:
            yield module.functions[name], module
        case ast.Attribute(value=ast.Name(id="self"), attr=name) if name in module.functions:
            yield module.functions[name], module
        case ast.Name(id=name):
            place, origin = module.imports.get(name, ("", ""))
            other = module.others.get(place)
            if other is not None and origin in other.functions:
                yield other.functions[origin], other
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            other = module.others.get(".".join(module.imports.get(name, ("", ""))))
            if other is not None and attribute in other.functions:
                yield other.functions[attribute], other


def _part(part: ast.expr, module: Module, depth: int) -> tuple[str, ...]:
    if isinstance(part, ast.Constant):
        return (str(part.value),)
    assert isinstance(part, ast.FormattedValue)
    inner = texts(part.value, module, depth + 1) if part.conversion == -1 else ()
    may_be_empty = isinstance(part.value, ast.IfExp)
    known = [text for text in inner if says(text) or (may_be_empty and not text)]
    if not 0 < len(known) <= _FEW or len(known) < len(inner):
        module.details.update((part.lineno, text) for text in known if " " in text.strip() and says(text))
        return (f"{{{placeholder(part.value)}}}",)
    return tuple(known)


def is_text(node: ast.expr) -> bool:
    """Whether an expression may be a text."""
    return isinstance(node, ast.JoinedStr | ast.IfExp | ast.BinOp | ast.Name | ast.Call) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _values(node: ast.Name, name: str, module: Module) -> Iterator[ast.expr]:
    """What a name may be: what its function assigns to it or is called with, else the module's constant."""
    function = module.within.get(node)
    if function is not None:
        assigned = _assigned(function, module).get(name)
        if assigned is not None:
            yield from assigned
            return
        if name in {one.arg for one in (*function.args.args, *function.args.kwonlyargs)}:
            yield from _given(function, name, module)
            return
    if name in module.constants:
        yield module.constants[name]
    place, origin = module.imports.get(name, ("", ""))
    other = module.others.get(place)
    if other is not None and origin in other.constants and isinstance(other.constants[origin], ast.Constant):
        yield other.constants[origin]


def _assigned(function: ast.FunctionDef, module: Module) -> Mapping[str, Sequence[ast.expr]]:
    found = module.assigned.get(function)
    if found is None:
        found = module.assigned[function] = {}
        for node in ast.walk(function):
            for name, given in _assignments(node, module):
                found.setdefault(name, []).append(given)
    return found


def _assignments(node: ast.AST, module: Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that a statement or a comprehension assigns to, and their values; of a loop the phrases."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _pairs(target, value)
        case ast.NamedExpr(target=target, value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _pairs(target, value)
        case ast.For(target=target, iter=listed) | ast.comprehension(target=target, iter=listed):
            if isinstance(listed, ast.Name):
                listed = module.constants.get(listed.id, listed)
            for row in listed.elts if isinstance(listed, ast.Tuple | ast.List) else ():
                for name, value in _pairs(target, row):
                    if is_phrase(module.constants.get(value.id, value) if isinstance(value, ast.Name) else value):
                        yield name, value


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def is_phrase(node: ast.expr) -> bool:
    """Whether it is a literal of several words."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        for one, inner in zip(target.elts, value.elts, strict=True):
            yield from _pairs(one, inner)


def _given(function: ast.FunctionDef, name: str, module: Module) -> Iterator[ast.expr]:
    """What the module's own calls of ``function`` give for the parameter ``name``."""
    names = [one.arg for one in function.args.args]
    is_method = names[:1] in (["self"], ["cls"])
    for call in module.calls:
        owner = last_name(call.func.value) if isinstance(call.func, ast.Attribute) else ""
        if last_name(call.func) != function.name or owner not in ({"self", "cls"} if is_method else {""}):
            continue
        position = names.index(name) - is_method if name in names else len(call.args)
        if position < len(call.args):
            yield call.args[position]
        yield from (one.value for one in call.keywords if one.arg == name)


def placeholder(node: ast.expr) -> str:
    """A short name for a placeholder."""
    match node:
        case ast.Name(id=name):
            return name.strip("_").lower()
        case ast.Attribute(attr=name):
            return name.strip("_").lower()
        case ast.Call(func=ast.Attribute(attr="join"), args=[inner, *_]):
            return placeholder(inner)
        case ast.Call(func=ast.Name(id="len"), args=[inner]):
            return f"number of {placeholder(inner)}"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr=name)):
            return name
        case ast.Call(func=func, args=[]):
            return placeholder(func.value) if isinstance(func, ast.Attribute) else placeholder(func)
        case ast.Call(func=func, args=[ast.Name() | ast.Attribute() as inner, *_]) if last_name(func) != "reason":
            return placeholder(inner)
        case ast.Call(func=func):
            return last_name(func).strip("_") or "value"
        case ast.Subscript(value=value) | ast.Starred(value=value):
            return placeholder(value)
        case ast.BinOp(left=left):
            return placeholder(left)
        case ast.BoolOp(values=[first, *_]):
            return placeholder(first)
        case ast.IfExp(body=body):
            return placeholder(body)
        case ast.GeneratorExp(elt=element) | ast.ListComp(elt=element):
            return placeholder(element)
    return "value"
