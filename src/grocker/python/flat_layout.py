"""The setuptools configuration for a flat layout, with modules and packages beside pyproject.toml."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

_NO_MODULES = frozenset({"setup", "conftest", "noxfile", "fabfile", "manage"})
_NO_PACKAGE = re.compile(r"_.*|docs?|examples?|tests?")
_NO_DATA = re.compile(
    rf"{_NO_PACKAGE.pattern}|bin|build|ci|config|data|debian|dist|env|htmlcov|instance|media|node_modules|requirements"
    "|scripts|src|staticfiles|tools|uploads|venv"
)
"""directories that count only when they are packages"""


def list_files(directory: Path) -> list[str]:
    """The files in ``directory`` and in its immediate subdirectories, relative; virtual environments are skipped."""
    found: list[str] = []
    for top in directory.iterdir():
        if top.is_file():
            found.append(top.name)
        elif top.is_dir() and not top.name.startswith(".") and not (top / "pyvenv.cfg").exists():
            _, directories, files = next(os.walk(top), ("", [], []))  # an unreadable one counts as empty
            found += (f"{top.name}/{name}" for name in (*directories, *files))
    return found


def setuptools_table(paths: Iterable[str]) -> str:
    """``[tool.setuptools]`` for a project of these files: TOML, for a hint; empty when it is not needed.

    ``paths``: relative to the project.
    """
    modules, packages = set[str](), set[str]()
    for path in paths:
        top, slash, rest = path.partition("/")
        stem = top.removesuffix(".py")
        if not slash and stem != top and stem.isidentifier() and stem not in _NO_MODULES and stem[:5] != "test_":
            modules.add(stem)
        elif slash and top.isidentifier() and not (_NO_PACKAGE if rest == "__init__.py" else _NO_DATA).fullmatch(top):
            packages.add(top)
    text = f"[tool.setuptools]\npy-modules = {_list(modules)}\n" if modules else ""
    if packages:
        text += f"[tool.setuptools.packages.find]\ninclude = {_list(f'{name}*' for name in packages)}\n"
        text += '[tool.setuptools.package-data]\n"*" = ["**/*"]\n'
    return text


def _list(items: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{item}"' for item in sorted(items)) + "]"
