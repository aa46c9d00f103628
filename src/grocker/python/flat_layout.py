"""The setuptools configuration for a flat layout, with modules and packages beside pyproject.toml."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from grocker.errors import GrockerError
from grocker.regex import regex

_NO_MODULES = frozenset({"setup", "conftest", "noxfile", "fabfile", "manage"})
_NO_PACKAGE = regex(r"_.*|docs?|examples?|tests?")
_NO_DATA = regex(
    rf"{_NO_PACKAGE.pattern}|bin|build|ci|config|data|debian|dist|env|htmlcov|instance|media|node_modules|requirements"
    "|scripts|src|staticfiles|tools|uploads|venv"
)
"""directories that count only when they are packages"""


def list_files(directory: Path) -> list[str]:
    """The files in ``directory`` that count and that git does not ignore, relative."""
    from grocker.python import git, selection
    from grocker.python.named_paths import read_named_paths

    try:
        repository = git.find_repository(directory)
        found = selection.select(directory, repository, read_named_paths(directory), ()).files
    except GrockerError:  # the hint belongs to another error
        return []
    return [one.path for one in found if repository is None or not repository.is_ignored(one.path)]


def setuptools_table(paths: Iterable[str]) -> str:
    """``[tool.setuptools]`` for a project of these files: TOML, for a hint; empty when it is not needed.

    ``paths``: relative to the project. Files and directories that look like secrets are left out.
    """
    from grocker.python.exposure import looks_secret, looks_secret_directory

    modules, packages, code, secrets = set[str](), set[str](), set[str](), set[str]()
    for path in sorted(paths):
        top, slash, rest = path.partition("/")
        stem = top.removesuffix(".py")
        if looks_secret(path):
            secrets.add(path)
        elif not slash and stem != top and stem.isidentifier() and stem not in _NO_MODULES and stem[:5] != "test_":
            modules.add(stem)
        elif slash and top.isidentifier() and not (_NO_PACKAGE if rest == "__init__.py" else _NO_DATA).fullmatch(top):
            packages.add(top)
        if rest == "__init__.py":
            code.add(top)
    packages = {name for name in packages if name in code or not looks_secret_directory(name)}
    text = f"[tool.setuptools]\npy-modules = {_list(modules)}\n" if modules else ""
    if packages:
        text += f"[tool.setuptools.packages.find]\ninclude = {_list(f'{name}*' for name in packages)}\n"
        text += '[tool.setuptools.package-data]\n"*" = ["**/*"]\n'
    return text + _without({path for path in secrets if path.partition("/")[0] in packages})


def data_table(paths: Iterable[str]) -> str:
    """``[tool.setuptools.package-data]`` for all data of packages except files that look like secrets."""
    from grocker.python.exposure import looks_secret

    secrets = {path.removeprefix("src/") for path in paths if looks_secret(path)}
    return '[tool.setuptools.package-data]\n"*" = ["**/*"]\n' + _without(secrets)


def _without(secrets: Iterable[str]) -> str:
    """The table that keeps those files out of packages."""
    names = {path.rpartition("/")[2] for path in secrets}
    patterns = _list(f"{prefix}{name}" for name in names for prefix in ("", "**/"))
    return f'[tool.setuptools.exclude-package-data]\n"*" = {patterns}\n' if names else ""


def _list(items: Iterable[str]) -> str:
    return "[" + ", ".join(json.dumps(item) for item in sorted(items)) + "]"
