"""How modules are cut and named."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.architecture.source import PACKAGE, ROOT, for_each, project

MODULES = project()
LINES = 400
REASON = f"Longer than {LINES} lines because "
_ALIAS = re.compile(r"[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*")
APART = ("grocker.runner.", "grocker.python._")
"""modules that other programs than Grocker run"""
NOTHING_SAID = frozenset({"utils", "util", "helpers", "helper", "common", "misc"})
OTHER_TESTS = frozenset(
    {
        "architecture",
        "attacks",
        "bad_input",
        "costs",
        "e2e",
        "examples",
        "fuzz",
        "golden",
        "incremental",
        "support",
        "tools",
    }
)


@for_each(sorted(MODULES))
def test_module_is_short_or_says_why_it_is_not(name: str) -> None:
    text = MODULES[name].path.read_text(encoding="utf-8")
    why = [line for line in (ast.get_docstring(ast.parse(text)) or "").splitlines() if line.startswith(REASON)]
    assert len(text.splitlines()) <= LINES or why


@for_each(sorted(name for name in MODULES if not name.startswith(APART)))
def test_module_compiles_no_expression_when_it_is_imported(name: str) -> None:
    tree = ast.parse(MODULES[name].path.read_text(encoding="utf-8"))
    run = [
        node
        for statement in tree.body
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef)
        for node in ast.walk(statement)
    ]
    assert [
        ast.unparse(node) for node in run if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile"
    ] == []


def test_directory_of_modules_is_a_package() -> None:
    directories = {path.parent for path in PACKAGE.rglob("*.py")}
    assert [str(path.relative_to(ROOT)) for path in sorted(directories) if not (path / "__init__.py").exists()] == []


def test_name_says_what_is_inside() -> None:
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    vague = {path for path in files if NOTHING_SAID & {path.stem.strip("_"), path.parent.name}}
    assert sorted(str(path.relative_to(ROOT)) for path in vague) == []


def test_tests_lie_where_the_source_does() -> None:
    """``src/grocker/debian/version.py`` is tested in ``tests/debian/test_version.py``; a further word may follow.

    The subject may also be the room itself, or a name of its face.
    """
    astray = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        room = path.parent.relative_to(ROOT / "tests").parts
        if room and room[0] in OTHER_TESTS:
            continue
        modules = {p.stem.strip("_") for p in PACKAGE.joinpath(*room).glob("*") if p.stem != "__init__"}
        subjects = modules | _face(PACKAGE.joinpath(*room, "__init__.py")) | set(room[-1:])
        words = path.stem.removeprefix("test_")
        if not any(words == subject or words.startswith(subject + "_") for subject in subjects):
            astray.append(str(path.relative_to(ROOT)))
    assert astray == []


def _face(init: Path) -> set[str]:
    """The names in a package's ``__all__``."""
    tree = ast.parse(init.read_text(encoding="utf-8")) if init.exists() else ast.Module([], [])
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return {str(name) for name in ast.literal_eval(node.value)}
    return set()


def test_every_room_has_tests() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    tested = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    assert sorted(rooms - tested) == []


def test_public_name_of_a_type_is_used_once() -> None:
    """One name, one concept: a reader who searches for a type finds one."""
    found: dict[str, list[str]] = {}
    for name, module in sorted(MODULES.items()):
        for own in _types(ast.parse(module.path.read_text(encoding="utf-8"))):
            found.setdefault(own, []).append(name)
    assert {own: modules for own, modules in found.items() if len(modules) > 1} == {}


def test_name_of_a_type_is_seen_when_it_is_a_class_or_an_alias() -> None:
    text = "class A:\n    class B: ...\n\nif TYPE_CHECKING:\n    Cd = int\nelse:\n    Cd = str\n_E = F_G = H = x = 1\n"
    assert sorted(_types(ast.parse(text))) == ["A", "B", "Cd"]


def _types(tree: ast.Module) -> list[str]:
    """The public names of classes, nested ones included, and of aliases such as ``EngineName = Literal[…]``."""
    classes = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    aliases = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and _ALIAS.fullmatch(target.id)
    }
    return [name for name in (*classes, *aliases) if not name.startswith("_")]
