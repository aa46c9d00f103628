"""What setuptools has to be told of a project whose modules and directories lie beside pyproject.toml."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from grocker.errors import GrockerError

_NO_MODULES = frozenset({"setup", "conftest", "noxfile", "fabfile", "manage"})
_NO_PACKAGE = re.compile(r"_.*|docs?|examples?|tests?")
_NO_DATA = re.compile(
    rf"{_NO_PACKAGE.pattern}|bin|build|ci|config|data|debian|dist|env|htmlcov|instance|media|node_modules|requirements"
    "|scripts|src|staticfiles|tools|uploads|venv"
)
"""directories that belong to it only when they are packages"""


def names(directory: Path) -> list[str]:
    """Files of the project in ``directory``, relative; neither what does not count nor what git ignores."""
    from grocker.python import git, selection
    from grocker.python.named_paths import read_named_paths

    try:
        repository = git.find_repository(directory)
        found = selection.select(directory, repository, read_named_paths(directory), ()).files
    except GrockerError:  # it is another error's hint that needs them
        return []
    return [one.path for one in found if repository is None or not repository.is_ignored(one.path)]


def table(paths: Iterable[str]) -> str:
    """``[tool.setuptools]`` for a project of these files: TOML, for a hint; empty when setuptools finds all by itself.

    ``paths``: relative to the project. What is named as secrets are is never proposed.
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
    """``[tool.setuptools.package-data]`` for all data of packages but what is named as secrets are."""
    from grocker.python.exposure import looks_secret

    secrets = {path.removeprefix("src/") for path in paths if looks_secret(path)}
    return '[tool.setuptools.package-data]\n"*" = ["**/*"]\n' + _without(secrets)


def _without(secrets: Iterable[str]) -> str:
    """What keeps those files out of packages."""
    names = {path.rpartition("/")[2] for path in secrets}
    patterns = _list(f"{prefix}{name}" for name in names for prefix in ("", "**/"))
    return f'[tool.setuptools.exclude-package-data]\n"*" = {patterns}\n' if names else ""


def _list(items: Iterable[str]) -> str:
    return "[" + ", ".join(json.dumps(item) for item in sorted(items)) + "]"
