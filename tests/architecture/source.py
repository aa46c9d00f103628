"""The project's modules and what each of them imports, read from the source without importing anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "grocker"


@dataclass(frozen=True, slots=True)
class Module:
    """``imports``: every import in it, as dotted names, also those inside functions and under TYPE_CHECKING."""

    name: str
    path: Path
    imports: frozenset[str]

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
    return {
        name: Module(
            name, path, frozenset(imported(path.read_text(encoding="utf-8"), frozenset(files), _package(name, path)))
        )
        for name, path in sorted(files.items())
    }


def _package(name: str, path: Path) -> str:
    return name if path.name == "__init__.py" else name.rpartition(".")[0]


def imported(text: str, modules: frozenset[str], package: str = "") -> Iterator[str]:
    """What a source text in ``package`` imports: of ``modules`` the very module, of others the name as imported."""
    for node in ast.walk(ast.parse(text)):
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


def reached(start: str, modules: dict[str, Module]) -> dict[str, tuple[str, ...]]:
    """Everything that importing ``start`` may import in turn, each with the shortest way there, ``start`` first."""
    ways: dict[str, tuple[str, ...]] = {start: (start,)}
    waiting = [start]
    for name in waiting:
        for target in sorted(modules[name].imports):
            if target not in ways:
                ways[target] = (*ways[name], target)
                if target in modules:
                    waiting.append(target)
    return ways
