"""Extract every error, warning and hint of the product from its source: docs/reference/messages.md.

Nothing is imported: the source is parsed with ``ast``, and a message is evaluated as far as its text is literal. A
placeholder of an f-string becomes ``{name}``, and a message that is one of several becomes a row for each.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from tools.message_texts import Module, is_phrase, is_text, last_name, parse_module, placeholder, says, texts

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
_REASONS = (("Problem", "what"), ("Remark", "why"), ("LeftOut", "why"))
"""endings of classes whose values become messages, and the field that people read"""
_NOTES = frozenset({"notes", "reasons"})
"""lists of reasons for people"""
_TABLES = frozenset({"_EFFECTS"})
"""constants whose rows end with a reason for people"""


@dataclass(frozen=True, slots=True, order=True)
class Message:
    """A row of the page. ``line``: where it stands in the source, for the order alone."""

    module: str
    line: int
    kind: str
    text: str
    hint: str


def read(source: Path = SOURCE) -> list[Message]:
    """All messages of the package below ``source``, in the order of the page."""
    others: dict[str, Module] = {}
    modules = [parse_module(path, source, others) for path in sorted(source.rglob("*.py"))]
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


def _takes_status(node: ast.ClassDef) -> bool:
    """Whether it is an exception of the runner's that carries an exit status and a message."""
    return any(
        isinstance(one, ast.FunctionDef) and [arg.arg for arg in one.args.args] == ["self", "status", "message"]
        for one in node.body
    )


def _messages(
    module: Module, classes: Mapping[str, ast.ClassDef], failures: Set[str], numbers: Mapping[str, int]
) -> Iterator[Message]:
    """``failures``: the classes whose calls say a status and a message."""
    is_runner = "/runner/" in module.name
    for call in module.calls:
        name = last_name(call.func)
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
        elif name == "append" and isinstance(call.func, ast.Attribute) and last_name(call.func.value) in _NOTES:
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
            text = call.args[0] if call.args and is_text(call.args[0]) else ast.Constant("")
            hints = texts(keywords["hint"], module)
        else:
            continue
        if text is None:
            continue
        for words, remedy in product(texts(text, module), hints):
            if says(words) or says(remedy):
                yield Message(module.name, call.lineno, kind, words, "" if remedy == "{None}" else remedy)
    for name in _TABLES.intersection(module.constants):
        for row in ast.walk(module.constants[name]):
            if isinstance(row, ast.Tuple) and is_phrase(row.elts[-1]):
                yield Message(module.name, row.lineno, "detail", texts(row.elts[-1], module)[0], "")
    for function in module.functions.values():
        if function.returns is not None and ast.unparse(function.returns).startswith("tuple[str, str]"):
            yield from _pair_messages(function, module)


def _pair_messages(function: ast.FunctionDef, module: Module) -> Iterator[Message]:
    """Yield what a function returns as a message and its hint, for others to raise or to warn with."""
    for one in ast.walk(function):
        if isinstance(one, ast.Return) and isinstance(one.value, ast.Tuple) and len(one.value.elts) == 2:
            for words, remedy in product(*(texts(inner, module) for inner in one.value.elts)):
                if " " in words and says(words):
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


def _bases(name: str, classes: Mapping[str, ast.ClassDef]) -> Iterator[str]:
    if name in classes:
        yield name
        for base in classes[name].bases:
            inner = last_name(base)
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
    return str(numbers.get(last_name(node), f"{{{placeholder(node)}}}"))
