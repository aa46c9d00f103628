"""Extract every error, warning and hint of the product from its source: docs/reference/messages.md.

Nothing is imported: the source is parsed with ``ast``, and a message is evaluated as far as its text is literal. A
placeholder of an f-string becomes ``{name}``, and a message that is one of several becomes a row for each.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "grocker"

_HEAD = """\
# Messages

Every error, warning and hint that Grocker and its runner print, by the module that prints it. `make docs` extracts this
page from the source. `{name}` stands for a value.

| kind | meaning |
| --- | --- |
| error N | `grocker` prints `error: MESSAGE`, then `hint: HINT`, and exits with [status](exit-statuses.md) N |
| warning | `grocker` prints `warning: MESSAGE` and goes on |
| container N | the [runner](runner.md#exit-statuses) prints `grocker: MESSAGE` and the container exits with status N |
| container warning | the runner prints `grocker: warning: MESSAGE` and goes on |
| container log | the runner prints `grocker: MESSAGE`, or a job's line in the [log](logging.md), and goes on |
| output | written to standard error as it is |
| detail | part of one of the messages above |
"""
_ALTERNATIVES = 24
"""Texts that one expression may have: more than these say nothing new."""
_DEPTH = 8
_FEW = 3
"""Alternatives of one placeholder that are worth a row each; of more, each is a row of its own."""
_REASONS = (("Problem", "what"), ("Remark", "why"), ("LeftOut", "why"))
"""endings of classes whose values become messages, and the field that people read"""
_NOTES = frozenset({"notes", "reasons"})
"""lists of reasons for people"""
_TABLES = frozenset({"_EFFECTS"})
"""constants whose rows end with a reason for people"""
_LETTERS = re.compile(r"[A-Za-z]{2}")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True, order=True)
class Message:
    """A row of the page. ``line``: where it stands in the source, for the order alone."""

    module: str
    line: int
    kind: str
    text: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Module:
    name: str
    constants: Mapping[str, ast.expr]
    functions: Mapping[str, ast.FunctionDef]
    within: Mapping[ast.AST, ast.FunctionDef]
    """each node's innermost function"""
    calls: Sequence[ast.Call]
    classes: Mapping[str, ast.ClassDef]
    imports: Mapping[str, tuple[str, str]]
    """module and name of what it imports from the package, by local name"""
    others: Mapping[str, _Module]
    """all modules by dotted name, this one too"""
    details: set[tuple[int, str]] = field(default_factory=set)
    """line and text of reasons that are too many for a row each, filled as texts are read"""
    assigned: dict[ast.FunctionDef, dict[str, list[ast.expr]]] = field(default_factory=dict)
    """what a function assigns to each of its names, filled when asked for"""


def read(source: Path = SOURCE) -> list[Message]:
    """All messages of the package below ``source``, in the order of the page."""
    others: dict[str, _Module] = {}
    modules = [_module(path, source, others) for path in sorted(source.rglob("*.py"))]
    others |= {one.name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): one for one in modules}
    classes = {name: node for one in modules for name, node in one.classes.items()}
    numbers = {
        name: value.value
        for one in modules
        for name, value in one.constants.items()
        if name.isupper() and isinstance(value, ast.Constant) and isinstance(value.value, int)
    }
    failures = {name for name, node in classes.items() if _takes_status(node)}
    found = {message for one in modules for message in _messages(one, classes, failures, numbers)}
    found |= {Message(one.name, line, "detail", text, "") for one in modules for line, text in one.details}
    return sorted(found)


def page() -> str:
    """The page."""
    text = _HEAD
    module = None
    shown = set()
    for one in read():
        if one.module != module:
            module = one.module
            text += f"\n## `{module}`\n\n| kind | message | hint |\n| --- | --- | --- |\n"
        row = f"| {one.kind} | {_cell(one.text)} | {_cell(one.hint)} |\n"
        if (module, row) not in shown:
            shown.add((module, row))
            text += row
    return text


def _cell(text: str) -> str:
    """Text as code in a table: one line, in more backticks than it has itself."""
    if not text:
        return ""
    line = text.strip().replace("\n", "⏎").replace("|", "\\|")
    fence = "``" if "`" in line else "`"
    space = " " if "`" in line else ""
    return f"{fence}{space}{line}{space}{fence}"


def _module(path: Path, source: Path, others: Mapping[str, _Module]) -> _Module:
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
    return _Module(name, constants, functions, within, calls, classes, dict(_imported(imports, name)), others)


def _imported(imports: Sequence[ast.ImportFrom], name: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield what a module imports: local name, and the module and name that it comes from."""
    here = name.removesuffix(".py").split("/")
    for node in imports:
        above = here[: -node.level] if node.level else []
        module = ".".join((*above, *([node.module] if node.module else [])))
        yield from ((one.asname or one.name, (module, one.name)) for one in node.names)


def _takes_status(node: ast.ClassDef) -> bool:
    """Whether it is an exception of the runner's that carries an exit status and a message."""
    return any(
        isinstance(one, ast.FunctionDef) and [arg.arg for arg in one.args.args] == ["self", "status", "message"]
        for one in node.body
    )


def _messages(
    module: _Module, classes: Mapping[str, ast.ClassDef], failures: Set[str], numbers: Mapping[str, int]
) -> Iterator[Message]:
    """``failures``: the classes whose calls say a status and a message."""
    is_runner = "/runner/" in module.name
    for call in module.calls:
        name = _last(call.func)
        bases = set(_bases(name, classes))
        keywords = {one.arg: one.value for one in call.keywords}
        hints: tuple[str, ...] = ("",)
        if "GrockerError" in bases:
            kind = f"error {_status(name, classes)}"
            text = call.args[0] if call.args else keywords.get("message")
            hint = keywords.get("hint") or _positional(call, classes[name], "hint")
            if hint is not None:
                hints = texts(hint, module)
        elif is_runner and bases & failures:
            kind = f"container {_number(call.args[0], numbers)}" if call.args else "container"
            text = call.args[1] if len(call.args) > 1 else None
        elif "Exception" in bases or "ValueError" in bases or name == "ValueError":
            kind = "detail"
            text = call.args[0] if call.args else None
        elif read := [about for ending, about in _REASONS if name.endswith(ending) and name in classes]:
            kind = "detail"
            given = _fields(call, classes[name])
            text = given.get(read[0])
            if "hint" in given:
                hints = texts(given["hint"], module)
        elif name == "Meta" and "description" in keywords:
            kind, text = "detail", keywords["description"]
        elif name == "append" and isinstance(call.func, ast.Attribute) and _last(call.func.value) in _NOTES:
            kind, text = "detail", call.args[0]
        elif name == "warn" and call.args:
            kind = "container warning" if is_runner else "warning"
            text = call.args[0]
            hint = keywords.get("hint") or (call.args[1] if len(call.args) > 1 else None)
            if hint is not None:
                hints = texts(hint, module)
        elif name in {"say", "_say"} and call.args and is_runner:
            kind = "container log"
            text = call.args[2] if len(call.args) > 2 else call.args[0]
        elif ast.unparse(call.func) == "sys.stderr.write" and call.args:
            kind, text = "output", call.args[0]
        elif "hint" in keywords and name not in module.functions:  # known when it runs
            kind = "detail"
            text = call.args[0] if call.args and _is_text(call.args[0]) else ast.Constant("")
            hints = texts(keywords["hint"], module)
        else:
            continue
        if text is None:
            continue
        for words, remedy in product(texts(text, module), hints):
            if _says(words) or _says(remedy):
                yield Message(module.name, call.lineno, kind, words, "" if remedy == "{None}" else remedy)
    for name in _TABLES.intersection(module.constants):
        for row in ast.walk(module.constants[name]):
            if isinstance(row, ast.Tuple) and _is_phrase(row.elts[-1]):
                yield Message(module.name, row.lineno, "detail", texts(row.elts[-1], module)[0], "")
    for function in module.functions.values():
        if function.returns is not None and ast.unparse(function.returns).startswith("tuple[str, str]"):
            yield from _pair_messages(function, module)


def _pair_messages(function: ast.FunctionDef, module: _Module) -> Iterator[Message]:
    """Yield what a function returns as a message and its hint, for others to raise or to warn with."""
    for one in ast.walk(function):
        if isinstance(one, ast.Return) and isinstance(one.value, ast.Tuple) and len(one.value.elts) == 2:
            for words, remedy in product(*(texts(inner, module) for inner in one.value.elts)):
                if " " in words and _says(words):
                    yield Message(module.name, one.lineno, "detail", words, remedy)


def _positional(call: ast.Call, node: ast.ClassDef, name: str) -> ast.expr | None:
    """What a call gives for a parameter of the class's own ``__init__`` by its place."""
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and one.name == "__init__":
            names = [arg.arg for arg in one.args.args][1:]
            if name in names and names.index(name) < len(call.args):
                return call.args[names.index(name)]
    return None


def _fields(call: ast.Call, node: ast.ClassDef) -> dict[str, ast.expr]:
    """What a call of a struct gives for its fields, by name."""
    names = [one.target.id for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)]
    return {**dict(zip(names, call.args, strict=False)), **{one.arg: one.value for one in call.keywords if one.arg}}


def _says(text: str) -> bool:
    """Whether there is anything in it besides placeholders."""
    return _LETTERS.search(_PLACEHOLDER.sub("", text)) is not None


def _last(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _bases(name: str, classes: Mapping[str, ast.ClassDef]) -> Iterator[str]:
    if name in classes:
        yield name
        for base in classes[name].bases:
            inner = _last(base)
            yield inner
            yield from _bases(inner, classes)


def _status(name: str, classes: Mapping[str, ast.ClassDef]) -> int:
    """The exit status of an error: of the class or of the first base that says so."""
    for one in _bases(name, classes):
        for node in classes[one].body if one in classes and one != "GrockerError" else ():
            match node:
                case ast.Assign(targets=[ast.Name(id="status")], value=ast.Constant(value=int(status))):
                    return status
    return 70


def _number(node: ast.expr, numbers: Mapping[str, int]) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.IfExp):
        return f"{_number(node.body, numbers)} or {_number(node.orelse, numbers)}"
    return str(numbers.get(_last(node), f"{{{_named(node)}}}"))


def texts(node: ast.expr, module: _Module, depth: int = 0) -> tuple[str, ...]:
    """What an expression may say: its literal parts, with ``{name}`` for the rest; at most so many alternatives."""
    if depth > _DEPTH:
        return (f"{{{_named(node)}}}",)
    found = tuple(dict.fromkeys(islice(_texts(node, module, depth), _ALTERNATIVES)))
    return found or (f"{{{_named(node)}}}",)


def _texts(node: ast.expr, module: _Module, depth: int) -> Iterator[str]:
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
                if owner is module or all(map(_is_text, given)):
                    for said in filter(_is_text, given):
                        found = texts(said, owner, depth + 1)
                        yield from filter(_says, found) if isinstance(said, ast.Call) and owner is module else found


def _called(func: ast.expr, module: _Module) -> Iterator[tuple[ast.FunctionDef, _Module]]:
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


def _part(part: ast.expr, module: _Module, depth: int) -> tuple[str, ...]:
    if isinstance(part, ast.Constant):
        return (str(part.value),)
    assert isinstance(part, ast.FormattedValue)
    inner = texts(part.value, module, depth + 1) if part.conversion == -1 else ()
    may_be_empty = isinstance(part.value, ast.IfExp)
    known = [text for text in inner if _says(text) or (may_be_empty and not text)]
    if not 0 < len(known) <= _FEW or len(known) < len(inner):
        module.details.update((part.lineno, text) for text in known if " " in text.strip() and _says(text))
        return (f"{{{_named(part.value)}}}",)
    return tuple(known)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr | ast.IfExp | ast.BinOp | ast.Name | ast.Call) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _values(node: ast.Name, name: str, module: _Module) -> Iterator[ast.expr]:
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


def _assigned(function: ast.FunctionDef, module: _Module) -> Mapping[str, Sequence[ast.expr]]:
    found = module.assigned.get(function)
    if found is None:
        found = module.assigned[function] = {}
        for node in ast.walk(function):
            for name, given in _assignments(node, module):
                found.setdefault(name, []).append(given)
    return found


def _assignments(node: ast.AST, module: _Module) -> Iterator[tuple[str, ast.expr]]:
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
                    if _is_phrase(module.constants.get(value.id, value) if isinstance(value, ast.Name) else value):
                        yield name, value


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_phrase(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        for one, inner in zip(target.elts, value.elts, strict=True):
            yield from _pairs(one, inner)


def _given(function: ast.FunctionDef, name: str, module: _Module) -> Iterator[ast.expr]:
    """What the module's own calls of ``function`` give for the parameter ``name``."""
    names = [one.arg for one in function.args.args]
    is_method = names[:1] in (["self"], ["cls"])
    for call in module.calls:
        owner = _last(call.func.value) if isinstance(call.func, ast.Attribute) else ""
        if _last(call.func) != function.name or owner not in ({"self", "cls"} if is_method else {""}):
            continue
        position = names.index(name) - is_method if name in names else len(call.args)
        if position < len(call.args):
            yield call.args[position]
        yield from (one.value for one in call.keywords if one.arg == name)


def _named(node: ast.expr) -> str:
    """A short name for a placeholder."""
    match node:
        case ast.Name(id=name):
            return name.strip("_").lower()
        case ast.Attribute(attr=name):
            return name.strip("_").lower()
        case ast.Call(func=ast.Attribute(attr="join"), args=[inner, *_]):
            return _named(inner)
        case ast.Call(func=ast.Name(id="len"), args=[inner]):
            return f"number of {_named(inner)}"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr=name)):
            return name
        case ast.Call(func=func, args=[]):
            return _named(func.value) if isinstance(func, ast.Attribute) else _named(func)
        case ast.Call(func=func, args=[ast.Name() | ast.Attribute() as inner, *_]) if _last(func) != "reason":
            return _named(inner)
        case ast.Call(func=func):
            return _last(func).strip("_") or "value"
        case ast.Subscript(value=value) | ast.Starred(value=value):
            return _named(value)
        case ast.BinOp(left=left):
            return _named(left)
        case ast.BoolOp(values=[first, *_]):
            return _named(first)
        case ast.IfExp(body=body):
            return _named(body)
        case ast.GeneratorExp(elt=element) | ast.ListComp(elt=element):
            return _named(element)
    return "value"
