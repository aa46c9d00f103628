"""The directories that an application makes beside its code when it is imported, found without importing it.

Module by module, in order, the values of names are followed as far as they are paths that begin at ``__file__``.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping, Sequence

from grocker.python.module_imports import parse
from grocker.regex import regex
from grocker.tar.entry import path_problem

_SAME = frozenset({"abspath", "realpath", "normpath", "Path", "PurePath", "PosixPath", "str", "resolve", "absolute"})
"""functions that give the same place as their argument or object"""
_VARIABLES = frozenset({"getenv", "get", "env", "config"})
"""functions that read a variable of the environment; the second argument is its default"""
_FACTORIES = frozenset({"create_app", "make_app", "create_application", "make_application", "get_app", "app_factory"})
"""functions that make the application when a service is loaded"""
_WRITTEN = regex(r"\b(?:(?:UPLOAD|LOG|CACHE|SESSION_FILE)S?_(?:FOLDER|DIR|DIRECTORY)|MEDIA_ROOT)\b")
"""settings that name a directory to write to: of Flask, its extensions, and Django"""
_SQLITE = "sqlite:///"
_BLOCKS = (ast.If, ast.Try, ast.With, ast.For, ast.ClassDef)


def find_made_directories(texts: Mapping[str, str], roots: Sequence[str], *, start: str = "") -> Iterator[str]:
    """Yield the entry paths of directories that modules make, where no variable of the environment says otherwise.

    ``texts``: the modules by their entry paths; ``roots``: entry paths of the directories on ``sys.path``; ``start``:
    of the one where services start, for relative paths; empty: these do not count.
    """
    modules = _Modules(texts, roots)
    for path, text in texts.items():
        if "mkdir" in text or "makedirs" in text or _WRITTEN.search(text):
            for made in modules.read(path).made:
                if made and (start or made.startswith("/")):
                    place = os.path.normpath(os.path.join("/", start, made)).lstrip("/")
                    if place.isprintable() and path_problem(place) is None:
                        yield place


def find_databases(texts: Mapping[str, str], roots: Sequence[str]) -> Iterator[str]:
    """Yield the entry paths of SQLite databases that modules name, by an address or for Django.

    The arguments are those of ``find_made_directories``.
    """
    modules = _Modules(texts, roots)
    for path, text in texts.items():
        if "sqlite" in text:
            for place in modules.read(path).databases:
                if place.startswith("/") and place.isprintable():
                    yield os.path.normpath(place).lstrip("/")


class _Module:
    """What is known of one module: the values of its names, and what it makes."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.made: list[str] = []
        """directories"""
        self.databases: list[str] = []


class _Modules:
    """All modules; each is read once, when one that imports it or the caller asks."""

    def __init__(self, texts: Mapping[str, str], roots: Sequence[str]) -> None:
        self._texts = texts
        self._roots = sorted(roots, key=len, reverse=True)
        self._read: dict[str, _Module] = {}

    def read(self, path: str) -> _Module:
        """Return what is known of the module at ``path``; nothing while it is being read, in a circle of imports."""
        if path not in self._read:
            module = self._read[path] = _Module()
            parsed = parse(self._texts[path])
            try:
                _Reader(self, module, path).run(parsed.body if parsed is not None else ())
            except (ValueError, RecursionError, MemoryError):
                pass  # this Python cannot tell
        return self._read[path]

    def find(self, name: str, level: int, importer: str) -> str | None:
        """Return the entry path of an imported module, None if it is not the application's."""
        inner = name.replace(".", "/")
        places = [os.path.join(root, inner) for root in self._roots]
        if level:
            places = [os.path.normpath(os.path.join(importer, *[".."] * level, inner))]
        forms = (form for place in places for form in (f"{place}.py", f"{place}/__init__.py"))
        return next((form for form in forms if form in self._texts), None)


class _Reader:
    """Follows the statements of a module that run when it is imported."""

    def __init__(self, modules: _Modules, module: _Module, path: str) -> None:
        self._modules, self._module, self._path = modules, module, path
        self._values = module.values
        self._values["__file__"] = f"/{path}"
        self._values |= {"os.pardir": "..", "os.curdir": ".", "os.sep": "/"}
        self._is_guarded = False

    def run(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            if isinstance(statement, ast.ImportFrom):
                self._import(statement)
            elif isinstance(statement, ast.Assign | ast.AnnAssign):
                self._assign(statement)
            elif isinstance(statement, ast.Expr):
                self._expression(statement.value)
            elif isinstance(statement, _BLOCKS):
                outer_guard = self._is_guarded
                self._is_guarded = outer_guard or isinstance(statement, ast.If | ast.Try | ast.With)
                for part in ("body", "orelse", "finalbody"):
                    self.run(getattr(statement, part, ()))
                self._is_guarded = outer_guard
            elif isinstance(statement, ast.FunctionDef) and statement.name in _FACTORIES:
                outer, self._values = self._values, dict(self._values)
                self.run(statement.body)
                self._values = outer

    def _import(self, statement: ast.ImportFrom) -> None:
        found = self._modules.find(statement.module or "", statement.level, self._path)
        values = self._modules.read(found).values if found is not None else {}
        for alias in statement.names:
            if alias.name in values:
                self._values[alias.asname or alias.name] = values[alias.name]

    def _assign(self, statement: ast.Assign | ast.AnnAssign) -> None:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        value = self._value(statement.value)
        if isinstance(statement.value, ast.Dict):
            self._note_databases(statement.value)
        for target in targets:
            if value is None:
                self._values.pop(ast.unparse(target), None)
            else:
                self._values[ast.unparse(target)] = value
                self._note(ast.unparse(target), value)

    def _note_databases(self, node: ast.Dict) -> None:
        """Note the files of Django's ``DATABASES``."""
        for table in ast.walk(node):
            if isinstance(table, ast.Dict):
                entries = {
                    key.value: value
                    for key, value in zip(table.keys, table.values, strict=True)
                    if isinstance(key, ast.Constant)
                }
                engine, name = self._value(entries.get("ENGINE")), self._value(entries.get("NAME"))
                if engine is not None and engine.endswith("sqlite3") and name:
                    self._module.databases.append(name)

    def _note(self, name: str, value: str) -> None:
        """Note what a setting names for others to write: Flask's extensions, SQLAlchemy."""
        if value.startswith(_SQLITE):
            self._module.databases.append(value.removeprefix(_SQLITE))
        elif _WRITTEN.search(name) and value and "." not in value.rpartition("/")[2][1:] and ":" not in value:
            self._module.made.append(value)

    def _expression(self, node: ast.expr) -> None:
        """Note what a call makes, unless it would fail at a directory that is there, as links into ``/media`` are."""
        if not isinstance(node, ast.Call):
            return
        if not self._is_guarded and "exist_ok" not in [keyword.arg for keyword in node.keywords]:
            return
        made: str | None = None
        name = ast.unparse(node.func)
        if name in ("os.makedirs", "os.mkdir", "makedirs", "mkdir") and node.args:
            made = self._value(node.args[0])
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "mkdir":
            made = self._value(node.func.value)
        if made is not None:
            self._module.made.append(made)

    def _value(self, node: ast.expr | None) -> str | None:
        """Return the string or path that an expression gives, None if it is something else or unknown."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Add):
            left, right = self._value(node.left), self._value(node.right)
            if left is None or right is None:
                return None
            return os.path.join(left, right) if isinstance(node.op, ast.Div) else left + right
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
            return next((value for one in node.values if (value := self._value(one)) is not None), None)
        if isinstance(node, ast.JoinedStr):
            parts = [self._value(one.value if isinstance(one, ast.FormattedValue) else one) for one in node.values]
            return "".join(part for part in parts if part is not None) if None not in parts else None
        if isinstance(node, ast.Attribute) and node.attr == "parent":
            return self._above(node.value, 1)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "parents":
            number = node.slice.value if isinstance(node.slice, ast.Constant) else None
            return self._above(node.value.value, number + 1) if isinstance(number, int) else None
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            return self._values.get(ast.unparse(node))
        return None

    def _above(self, node: ast.expr, levels: int) -> str | None:
        value = self._value(node)
        for _ in range(levels):
            value = os.path.dirname(value) if value is not None else None
        return value

    def _call(self, node: ast.Call) -> str | None:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        arguments = list(node.args)
        if name == "dirname" and arguments:
            return self._above(arguments[0], 1)
        if name in _VARIABLES:
            given = arguments[1:2] or [keyword.value for keyword in node.keywords if keyword.arg == "default"]
            return self._value(given[0]) if given else None
        if name in ("join", "joinpath") or name in _SAME:
            if isinstance(function, ast.Attribute) and name in ("joinpath", "resolve", "absolute"):
                arguments.insert(0, function.value)
            parts = [self._value(one) for one in arguments]
            known = [part for part in parts if part is not None]
            return os.path.join(*known) if known and len(known) == len(parts) else None
        return None
