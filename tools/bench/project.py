"""The project that all sides build: a copy of examples/polls with one resolution for all, and the edits made to it."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grocker.python import find_uv
from tools.bench.host import run

ADDED = "markdown"
"""the dependency that is added: small, of Python alone, in need of nothing"""
_EDITED = "src/polls_site/polls/views.py"
_AS_TREE = '\n[tool.grocker]\ninstall = "tree"\n'
_LINE = 'return HttpResponse("ok'


@dataclass(frozen=True, slots=True)
class Project:
    """A directory, and what its files can say. A file is written only where it would say something else.

    ``tree``: the same, except that its settings ask for the source tree as it is instead of a wheel.
    """

    directory: Path
    views: str
    plain: Mapping[str, str]
    """pyproject.toml and uv.lock, by name"""
    added: Mapping[str, str]
    """the same with one dependency more"""

    def reset(self) -> None:
        """As it was made."""
        self._write(_EDITED, self.views)
        self._write_all(self.plain)

    def change_line(self, number: int) -> None:
        """One line of one module: ``/healthz`` says ``ok NUMBER`` from now on."""
        self._write(_EDITED, self.views.replace(_LINE, f"{_LINE} {number}"))

    def add_dependency(self) -> None:
        """One dependency more, resolved already."""
        self._write_all(self.added)

    def _write_all(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            self._write(name, text)

    @property
    def tree(self) -> Path:
        """See above."""
        return tree_of(self.directory)

    def _write(self, name: str, text: str) -> None:
        as_tree = text + _AS_TREE if name == "pyproject.toml" else text
        for path, said in ((self.directory / name, text), (self.tree / name, as_tree)):
            if not path.is_file() or path.read_text("utf-8") != said:
                path.write_text(said, "utf-8")


def tree_of(directory: Path) -> Path:
    """Where the tree lies, beside the package."""
    return directory.with_name(f"{directory.name}-tree")


def prepare(
    source: Path, directory: Path, environ: Mapping[str, str], *, cache: Path, more: Sequence[str] = ()
) -> Project:
    """Copy ``source`` to ``directory``, with gunicorn among its dependencies and a ``uv.lock`` from the host's index.

    Grocker would add the server itself; here all sides get it, and everything else, from the same resolution.
    ``more``: further dependencies.
    """
    ignored = shutil.ignore_patterns("__pycache__", "*.sqlite3", "uv.lock", "grocker.lock", "build", "dist")
    shutil.copytree(source, directory, ignore=ignored)
    original = (directory / "pyproject.toml").read_text("utf-8")
    views = (directory / _EDITED).read_text("utf-8")
    assert views.count(_LINE) == 1
    plain, added = (
        _locked(directory, _with(original, (*names, *more)), environ, cache)
        for names in (("gunicorn",), ("gunicorn", ADDED))
    )
    project = Project(directory, views, plain, added)
    shutil.copytree(directory, project.tree)
    project.reset()
    return project


def _with(text: str, names: tuple[str, ...]) -> str:
    lines = "".join(f'    "{name}",\n' for name in names)
    changed, count = re.subn(r"(?m)^dependencies = \[\n", lambda match: match[0] + lines, text)
    assert count == 1
    return changed


def _locked(directory: Path, pyproject: str, environ: Mapping[str, str], cache: Path) -> dict[str, str]:
    (directory / "pyproject.toml").write_text(pyproject, "utf-8")
    uv = find_uv(environ, cache=cache)
    run([uv.executable, "lock", "--quiet", "--python", sys.executable], environ=uv.environment, directory=directory)
    return {"pyproject.toml": pyproject, "uv.lock": (directory / "uv.lock").read_text("utf-8")}
