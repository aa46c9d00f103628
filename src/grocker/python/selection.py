"""Which files of a project's directory count: what its back end may need, and nothing that only lies there.

What git tracks or the project's configuration names counts, whatever it is called. Of the rest, version control,
virtual environments, caches, build products and other tools' downloads do not; neither does what git ignores outside
packages if the configuration does not mention it, nor a link out of the project, nor what cannot be read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grocker.errors import DeniedError, StorageError
from grocker.python.tree_record import RULES, DirectoryRow, LeftOut, list_digest, stat_values

if TYPE_CHECKING:
    from grocker.python.git import Repository
    from grocker.python.named_paths import NamedPaths

UNREADABLE = "it cannot be read"
OUTSIDE = "it points outside the project"
_PRODUCT = "it looks like a build product: git does not track it and pyproject.toml does not name it"
_CLUTTER = "git ignores it, it holds no Python, and pyproject.toml does not mention it"
GENERATED_MARKERS = frozenset({"pyvenv.cfg", "oci-layout", "CACHEDIR.TAG"})
"""names of files that mark directories as generated: virtual environments, image layouts, caches"""
REPOSITORIES = frozenset({".git", ".hg", ".svn", ".bzr", "_darcs"})
_JUNK = frozenset(
    (
        *("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".tox", ".nox", ".eggs"),
        *(".pytype", ".pyre", ".ipynb_checkpoints", ".DS_Store", ".coverage"),
    )
)
_JUNK_ENDINGS = (".pyc", ".pyo", ".egg-info", "~", ".swp")
_OTHERS = frozenset({"node_modules", "CVS"})
_PRODUCTS_ON_TOP = frozenset({"build", "dist"})
_OURS_ON_TOP = frozenset({"grocker.lock"})


class Found(msgspec.Struct, frozen=True):
    """A file or link that counts."""

    path: str
    """relative to the project"""
    target: str | None = None
    """where a link leads, relative to its own directory"""
    is_needed: bool = False
    """whether git tracks it or a package holds it"""


class Selection(msgspec.Struct, frozen=True):
    """What counts, and what does not."""

    files: tuple[Found, ...]
    left_out: tuple[LeftOut, ...]
    directories: tuple[DirectoryRow, ...]
    rules: tuple[str, ...]
    """files named RULES in these directories"""


class Patterns:
    """Patterns of the setting ``exclude``: as in .gitignore, a name at any depth, or with ``/`` a path in the project.

    ``*`` and ``?`` match within a name, ``**`` any number of directories; what lies in a directory that matches is
    matched, too.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        texts = [_expression(pattern) for pattern in patterns]
        self._regex = re.compile("|".join(texts)) if texts else None

    def match(self, path: str) -> bool:
        """Whether the file or directory at ``path`` is matched; what lies above it was not."""
        return self._regex is not None and self._regex.fullmatch(path) is not None

    def match_below(self, path: str) -> bool:
        """Whether the file at ``path``, or a directory above it, is matched."""
        if self._regex is None:
            return False
        parts = path.split("/")
        return any(self.match("/".join(parts[:number])) for number in range(1, len(parts) + 1))


def _expression(pattern: str) -> str:
    plain = pattern.removeprefix("./").rstrip("/")
    anchored = "/" in plain
    result = "" if anchored else "(?:.*/)?"
    for part in re.split(r"(\*\*/|\*\*|\*|\?)", plain.removeprefix("/")):
        result += {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
    return f"(?s:{result})"


def never_counts(name: str) -> bool:
    """Whether files of that name, and below directories of that name, count only when git or the configuration says."""
    return name in REPOSITORIES | _JUNK | _OTHERS or name.endswith(_JUNK_ENDINGS)


def select(root: Path, repository: Repository | None, named: NamedPaths, exclude: Sequence[str]) -> Selection:
    """What counts below ``root``. Raises DeniedError and StorageError when ``root`` itself cannot be read."""
    walk = _Walk(root, repository, named, Patterns(exclude))
    walk.directory("", in_package=False, everything=False, only_sure=False)
    walk.follow()
    return Selection(
        tuple(walk.files.values()), tuple(walk.left_out.values()), tuple(walk.directories), tuple(walk.rules)
    )


class _Walk:
    def __init__(self, root: Path, repository: Repository | None, named: NamedPaths, exclude: Patterns) -> None:
        self.root = root
        self.real = os.path.realpath(root)
        self.repository = repository
        self.named = named
        self.exclude = exclude
        self.files: dict[str, Found] = {}
        self.left_out: dict[str, LeftOut] = {}
        self.directories: list[DirectoryRow] = []
        self.rules: list[str] = []
        self.whole: set[str] = set()
        """directories of which build products count, too"""
        self.links: list[str] = []

    def directory(self, path: str, *, in_package: bool, everything: bool, only_sure: bool) -> None:
        """Look into a directory.

        ``everything``: it is named, so build products in it count, too. ``only_sure``: it is one that does not count,
        but for what git tracks or the configuration names.
        """
        place = self.root / path
        try:
            stat = stat_values(os.stat(place, follow_symlinks=not path))
            with os.scandir(place) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            is_ignored = self._is_ignored(path)
            is_needed = self._has_tracked(path) or (in_package and not is_ignored)
            if isinstance(error, PermissionError) and path and not is_needed:
                self._leave_out(path, UNREADABLE, is_missed=not is_ignored)
                return
            kind = DeniedError if isinstance(error, PermissionError) else StorageError
            raise kind(
                f"reading the project: {place}: {error.strerror}",
                hint="make it readable, or exclude it in [tool.grocker]" if path else None,
            ) from error
        names = {entry.name for entry in entries}
        if path and not everything and not names.isdisjoint(GENERATED_MARKERS):
            only_sure = True
        self.directories.append(DirectoryRow(path, list_digest(entries), stat))
        if RULES in names:
            self.rules.append(f"{path}/{RULES}" if path else RULES)
        if everything:
            self.whole.add(path)
        in_package = in_package or (bool(path) and "__init__.py" in names)
        for entry in entries:
            inner = f"{path}/{entry.name}" if path else entry.name
            self._entry(entry, inner, in_package=in_package, everything=everything, only_sure=only_sure)

    def _entry(
        self, entry: os.DirEntry[str], path: str, *, in_package: bool, everything: bool, only_sure: bool
    ) -> None:
        name = entry.name
        if name in REPOSITORIES or path in _OURS_ON_TOP or self.exclude.match(path):
            return
        is_directory = entry.is_dir(follow_symlinks=False)
        naming = self.named.naming(path)
        why = self._why_not(entry, path, in_package=in_package, everything=everything)
        if naming == "whole" and (why or only_sure):
            everything = True
            why = self._why_not(entry, path, in_package=in_package, everything=True)
        if not is_directory:
            is_tracked = self._is_tracked(path)
            if (why or (only_sure and not everything)) and not is_tracked:
                if why:
                    self._leave_out(path, why, is_missed=False)
            elif entry.is_symlink():
                self._link(entry, path, is_needed=in_package or is_tracked)
            elif entry.is_file(follow_symlinks=False):
                self.files[path] = Found(path, is_needed=in_package or is_tracked)
            return
        if why:
            is_missed = in_package and name in _OTHERS and not self._is_ignored(path)
            if naming is None and not self._has_tracked(path):
                self._leave_out(path, why, is_missed=is_missed)
                if why in (_PRODUCT, _CLUTTER):
                    stat = stat_values(entry.stat(follow_symlinks=False))
                    self.directories.append(DirectoryRow(path, "", stat))
                return
            only_sure = True
        if not only_sure or everything or naming or self._has_tracked(path):
            self.directory(path, in_package=in_package, everything=everything, only_sure=only_sure and not everything)

    def _why_not(self, entry: os.DirEntry[str], path: str, *, in_package: bool, everything: bool) -> str | None:
        name, on_top = entry.name, "/" not in path
        if name in _JUNK or name.endswith(_JUNK_ENDINGS):
            # A directory that is named may well hold products, but nobody means bytecode and caches.
            is_meant = everything and name not in _JUNK and not name.endswith((".pyc", ".pyo"))
            return None if is_meant else "it is not source code"
        if everything or not entry.is_dir(follow_symlinks=False):
            return None
        if name in _OTHERS:
            return "it is left out by its name unless git tracks it or pyproject.toml names it"
        if on_top and name in _PRODUCTS_ON_TOP and not os.path.exists(os.path.join(entry.path, "__init__.py")):
            return _PRODUCT
        if not in_package and self._is_clutter(entry, path):
            return _CLUTTER
        return None

    def _is_clutter(self, entry: os.DirEntry[str], path: str) -> bool:
        if not self._is_ignored(path) or f"{path}/".startswith("src/") or self.named.mentions(entry.name):
            return False
        try:
            with os.scandir(entry.path) as listing:
                return not any(one.name.endswith(".py") for one in listing)
        except OSError:
            return True

    def _leave_out(self, path: str, why: str, *, is_missed: bool) -> None:
        self.left_out[path] = LeftOut(path, why, is_missed=is_missed)

    def _is_tracked(self, path: str) -> bool:
        return self.repository is not None and path in self.repository.tracked

    def _has_tracked(self, path: str) -> bool:
        return self.repository is not None and path in self.repository.tracked_directories

    def _is_ignored(self, path: str) -> bool:
        return self.repository is not None and self.repository.is_ignored(path)

    def _link(self, entry: os.DirEntry[str], path: str, *, is_needed: bool) -> None:
        target = os.readlink(entry.path)
        here = os.path.dirname(os.path.join(self.real, path))
        end = os.path.realpath(os.path.join(here, target))
        if end == self.real or end.startswith(self.real + os.sep):
            self.files[path] = Found(path, os.path.relpath(end, here) if os.path.isabs(target) else target)
            self.links.append(path)
            return
        brought = self._elsewhere(end) if self._is_tracked(path) else ()
        if brought:
            self.files[path] = Found(path, os.path.relpath(end, here))
            self.files.update({one: Found(one, is_needed=True) for one in brought})
            return
        is_missed = is_needed and not self._is_ignored(path)
        self._leave_out(path, f"{OUTSIDE}, to {target}", is_missed=is_missed)

    def _elsewhere(self, end: str) -> tuple[str, ...]:
        """What git tracks at ``end``, in the project's repository: relative to the project."""
        repository = self.repository
        if repository is None or not end.startswith(f"{repository.top}/"):
            return ()
        tracked = repository.tracked_at(os.path.relpath(end, repository.top))
        places = [os.path.relpath(repository.top / path, self.real) for path in tracked]
        return tuple(p for p in places if os.path.isfile(self.root / p) and not os.path.islink(self.root / p))

    def follow(self) -> None:
        """Bring what links lead to, where that lies in something that was left out for its name."""
        while self.links:
            path = self.links.pop()
            here = os.path.dirname(os.path.join(self.real, path))
            end = os.path.realpath(os.path.join(here, self.files[path].target or ""))
            inner = os.path.relpath(end, self.real)
            parts = inner.split("/")
            above = ["/".join(parts[:number]) for number in range(1, len(parts) + 1)]
            out = any(place in self.left_out and self.left_out[place].why != UNREADABLE for place in above)
            if not out or self._is_ignored(path) or any(self.exclude.match(place) for place in above):
                continue
            self.files[path] = Found(path, os.path.relpath(end, here))
            if os.path.isdir(end):
                if inner not in self.whole:
                    self.directory(inner, in_package=False, everything=True, only_sure=False)
            elif os.path.isfile(end):
                self.files[inner] = Found(inner)
