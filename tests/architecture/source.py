"""The project's modules and what each of them imports, read from the source without importing anything."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "grocker"


@dataclass(frozen=True)
class Module:
    """A module and its imports, as dotted names. It is parsed when these are asked for, not in every collection."""

    name: str
    path: Path
    names: frozenset[str]
    """every module of the project"""

    @property
    def imports(self) -> frozenset[str]:
        """Every import in it, also those inside functions and under TYPE_CHECKING."""
        return self._found[0]

    @property
    def loads(self) -> frozenset[str]:
        """Those that happen when it is imported."""
        return self._found[1]

    @cached_property
    def _found(self) -> tuple[frozenset[str], frozenset[str]]:
        tree = ast.parse(self.path.read_text(encoding="utf-8"))
        package = self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]
        return (
            frozenset(imported(ast.walk(tree), self.names, package)),
            frozenset(imported(_loaded(tree), self.names, package)),
        )

    @property
    def room(self) -> str:
        """The first name below ``grocker``: the package, or the module itself; "" for ``grocker``."""
        return self.name.partition(".")[2].partition(".")[0]


def dotted(path: Path, top: Path) -> str:
    """The name that a file under ``top`` is imported by."""
    parts = path.relative_to(top).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read(files: dict[str, Path]) -> dict[str, Module]:
    """The modules of these files, by name."""
    names = frozenset(files)
    return {name: Module(name, path, names) for name, path in sorted(files.items())}


def _loaded(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test).rpartition(".")[2] == "TYPE_CHECKING":
            continue
        yield child
        yield from _loaded(child)


def imported(nodes: Iterable[ast.AST], modules: frozenset[str], package: str = "") -> Iterator[str]:
    """What these nodes of a module in ``package`` import: of ``modules`` the very module, of others the name given."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: -node.level + 1 or None] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield inner if inner in modules else source


@cache
def project() -> dict[str, Module]:
    """The modules of ``src/grocker``, by name."""
    return read({dotted(path, PACKAGE.parent): path for path in PACKAGE.rglob("*.py")})


def reached(start: str, modules: dict[str, Module], *, loading: bool = False) -> dict[str, tuple[str, ...]]:
    """Everything that ``start`` imports and what that imports in turn, each with the shortest way there from ``start``.

    ``loading``: beyond ``start`` follow only what happens when a module is imported.
    """
    ways: dict[str, tuple[str, ...]] = {start: (start,)}
    waiting = [start]
    for name in waiting:
        module = modules[name]
        for target in sorted(module.loads if loading and name != start else module.imports):
            if target not in ways:
                ways[target] = (*ways[name], target)
                if target in modules:
                    waiting.append(target)
    return ways


def for_each(names: Iterable[str]) -> Callable[[Callable[[str], None]], Callable[[], None]]:
    """Make one test of a rule for modules: a test for each of them would cost the fast tier a third of its minute."""

    def decorate(rule: Callable[[str], None]) -> Callable[[], None]:
        def test() -> None:
            broken = {}
            for name in names:
                try:
                    rule(name)
                except AssertionError as error:
                    broken[name] = str(error)
            assert broken == {}, broken

        test.__name__, test.__doc__ = rule.__name__, rule.__doc__
        return test

    return decorate
