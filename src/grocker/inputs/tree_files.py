"""Which files of a source tree go into the image, and one digest for them.

``.dockerignore`` decides where there is one, else git (what it tracks or would add), else everything counts. Whatever
decides, some names never go in: version control, caches, virtual environments, and what looks secret.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from stat import S_ISLNK, S_ISREG

import msgspec

from grocker import local_file
from grocker.context import Context
from grocker.digest import Digest
from grocker.errors import DeniedError, SettingsError, StorageError
from grocker.inputs import git_files
from grocker.progress import Progress
from grocker.python.exposure import holds_credentials, looks_secret
from grocker.python.selection import GENERATED_MARKERS, REPOSITORIES, Patterns
from grocker.python.source_tree import SourceFile, hash_tree
from grocker.python.tree_record import FileRow, TreeRecord, hash_file, is_outdated, settled, stat_values

FORMAT = 2
"""part of cache keys: raise it if the same tree would give other files"""
IGNORE_FILE = ".dockerignore"
_NEVER = frozenset(
    (
        *(".git", ".hg", ".svn", ".bzr", "CVS", ".gitignore", ".gitattributes", ".gitmodules", IGNORE_FILE),
        *("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".tox", ".nox", ".eggs"),
        *("node_modules", ".venv", "venv", ".DS_Store", ".coverage", "htmlcov", ".idea", ".vscode", ".direnv"),
    )
)
_NEVER_ENDINGS = (".pyc", ".pyo", ".egg-info", "~", ".swp")
_NEVER_ON_TOP = frozenset({"grocker.lock", "Dockerfile"})
_PRODUCTS_ON_TOP = frozenset({"build", "dist"})
"""left out where neither git nor ``.dockerignore`` says whether they belong to the source"""


class TreeFiles(msgspec.Struct, frozen=True):
    """The files of a tree."""

    root: Path
    files: tuple[SourceFile, ...]
    """sorted by path"""
    digest: Digest
    secret: tuple[str, ...]
    """paths left out because they look secret, though neither git nor ``.dockerignore`` ignores them"""
    outside: tuple[str, ...]
    """links left out because they lead out of the tree"""
    unreadable: tuple[str, ...]
    """directories left out because they cannot be read, though neither git nor ``.dockerignore`` ignores them"""
    watched: tuple[str, ...]
    """absolute paths of what else decides which files there are: directories, ignore rules, what was left out"""


def read_files(
    context: Context,
    root: Path,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    *,
    only: Sequence[str] | None = None,
) -> TreeFiles:
    """List and hash the files of the tree at ``root``; read only those whose stat(2) has changed.

    ``include``: files or directories to include although they are ignored or excluded by default. ``exclude``: patterns
    of what never goes in. ``only``: files and directories to read instead of the whole tree; what is ignored counts
    there. Raises DeniedError for a file that cannot be read, unlike a directory, such as a database's; StorageError.
    """
    excluded = Patterns(exclude)
    include = [os.path.normpath(name) for name in include]
    named = "\0".join([str(root.absolute()), *(only or ())])
    key = f"source-tree-{FORMAT}-" + hashlib.sha256(os.fsencode(named)).hexdigest()
    kept = context.store.kept("steps", key)
    known = TreeRecord.decode(kept) if kept is not None else TreeRecord()
    hashes = known.hashes()
    now, real = int(context.now * 1e9), os.path.realpath(root)
    files: list[SourceFile] = []
    secret: list[str] = []
    outside: list[str] = []
    unreadable: list[str] = []
    rows: list[FileRow] = []
    hashed: list[int] = []
    watched = {str(root)}
    cache = os.path.relpath(os.path.realpath(context.store.root.parent), real) + "/"
    candidates = _candidates(context, root, unreadable, watched) if only is None else _named(root, only, watched)
    for path in sorted({*candidates, *_named(root, include, watched)}):
        if path.startswith(cache) or not REPOSITORIES.isdisjoint(path.split("/")):
            continue
        wanted = any(path == one or path.startswith(one + "/") for one in include)
        wanted = wanted or path in (only or ())
        if (not wanted and _is_never(path)) or excluded.match_below(path):
            continue
        place = f"{root}/{path}"
        watched.add(place.rpartition("/")[0])
        if not wanted and (looks_secret(path) or holds_credentials(place)):
            secret.append(path)
            watched.add(place)
            continue
        try:
            about = os.lstat(place)
            if S_ISLNK(about.st_mode):
                target = _inner_target(real, path)
                if target is None:
                    outside.append(path)
                    watched.add(place)
                else:
                    name = hashlib.sha256(os.fsencode(target)).hexdigest()
                    files.append(SourceFile(path, name, target=target))
                continue
            if not S_ISREG(about.st_mode):
                continue
            seen = stat_values(about)
            hit = hashes.get(path)
            if hit is not None and hit[0] == seen:
                digest = hit[1]
            else:
                digest = hash_file(place)
                hashed.append(about.st_size)
        except FileNotFoundError:  # git tracks it, and it was deleted
            continue
        except PermissionError as error:
            raise DeniedError(
                f"reading {place}: {error.strerror}", hint="make it readable, or list it in .gitignore or .dockerignore"
            ) from error
        except OSError as error:
            raise StorageError(
                f"reading {place}: {error.strerror}", hint="check the file system (dmesg, mount)"
            ) from error
        rows.append(FileRow(path, digest, settled(seen, now)))
        files.append(SourceFile(path, digest, executable=bool(about.st_mode & 0o100)))
    unreadable = sorted(path for path in unreadable if not excluded.match_below(path))
    if is_outdated(known, rows, hashed):
        context.store.keep("steps", key, TreeRecord(tuple(rows)).encode())
    return TreeFiles(
        root,
        tuple(files),
        hash_tree(files),
        tuple(secret),
        tuple(outside),
        tuple(unreadable),
        tuple(sorted({*watched, *(str(root / path) for path in unreadable)})),
    )


def check_named(root: Path, names: Sequence[str], *, setting: str) -> None:
    """Raise SettingsError for a file or directory that ``setting`` names and that the tree at ``root`` lacks."""
    for name in names:
        if not (root / name).exists():
            raise SettingsError(
                f"{setting}: the project has no file or directory {name!r}", hint="fix the path, or create the file"
            )
        if not REPOSITORIES.isdisjoint(name.split("/")):
            raise SettingsError(f"{setting}: {name!r} never goes into an image", hint="remove it from the setting")


def warn_of_left_out(progress: Progress, files: TreeFiles) -> None:
    """Warn of files that look secret, and of links that lead out of the tree."""
    if files.secret:
        progress.warn(
            f"left out of the image because they look like secrets: {_shown(files.secret)}",
            hint="pass secrets to the container as variables or mounts",
        )
    if files.outside:
        progress.warn(
            f"left out of the image because they are links that point outside the project: {_shown(files.outside)}",
            hint="if the application needs them, copy their targets into the project",
        )
    if files.unreadable:
        progress.warn(
            f"left out of the image because they cannot be read: {_shown(files.unreadable)}",
            hint="if the application needs them, make them readable; else list them in .gitignore or .dockerignore",
        )


def _shown(paths: tuple[str, ...]) -> str:
    return ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")


def _candidates(context: Context, root: Path, unreadable: list[str], watched: set[str]) -> Iterator[str]:
    """Yield the paths that ``.dockerignore`` or git leave in, relative to ``root``.

    ``unreadable``: gets the directories that count and cannot be read; ``watched``: the absolute paths of all
    directories that count, and of the rules.
    """
    ignore = root / IGNORE_FILE
    walked: list[str] = []
    if ignore.is_file():
        text = local_file.read(ignore).decode("utf-8", "replace")
        ignored = _docker_ignore(text)
        denied: list[str] = []
        yield from (path for path in _walk(root, "", denied, walked) if not ignored(path))
        unreadable += [path for path in denied if not ignored(path)]
        brings_back = re.search(r"(?m)^\s*!", text) is not None
        watched.update(str(root / one) for one in walked if brings_back or not ignored(one))
        watched.add(str(ignore))
        return
    found = git_files.list_files(context.environ, root, unreadable)
    if found is not None:
        yield from found
        watched.update(git_files.watched(context.environ, root, found, is_never=_is_never))
        return
    for path in _walk(root, "", unreadable, walked):
        if path.partition("/")[0] not in _PRODUCTS_ON_TOP:
            yield path
    watched.update(str(root / one) for one in walked if one.partition("/")[0] not in _PRODUCTS_ON_TOP)


def _named(root: Path, names: Sequence[str], watched: set[str]) -> Iterator[str]:
    """Yield the files and links that ``names`` name, and those in directories that they name.

    ``watched``: gets the absolute paths of these directories.
    """
    for name in map(os.path.normpath, names):
        if (root / name).is_symlink() or not (root / name).is_dir():
            yield name
        for parent, directories, files in os.walk(root / name):
            watched.add(parent)
            links = [one for one in directories if os.path.islink(os.path.join(parent, one))]
            yield from (os.path.relpath(os.path.join(parent, one), root) for one in (*files, *links))


def _walk(root: Path, prefix: str, unreadable: list[str], walked: list[str]) -> Iterator[str]:
    """Yield every file and link below ``root``.

    ``walked`` gets the directories, ``unreadable`` those that cannot be read.
    """
    walked.append(prefix.rstrip("/"))
    try:
        with os.scandir(root / prefix) as listing:
            entries = list(listing)
    except OSError:
        unreadable.append(prefix.rstrip("/") or ".")
        return
    if prefix and any(entry.name in GENERATED_MARKERS for entry in entries):
        return
    for entry in entries:
        path = prefix + entry.name
        if _is_never(path):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, path + "/", unreadable, walked)
        else:
            yield path


def _is_never(path: str) -> bool:
    parts = path.split("/")
    return parts[0] in _NEVER_ON_TOP or any(part in _NEVER or part.endswith(_NEVER_ENDINGS) for part in parts)


def _inner_target(real: str, path: str) -> str | None:
    """Return the target of a link, relative to its directory; None if it is dangling or outside the tree."""
    place = os.path.join(real, path)
    here = os.path.dirname(place)
    end = os.path.realpath(place)
    if not os.path.exists(end) or not end.startswith(real + os.sep):
        return None
    return os.path.relpath(end, here)


def _docker_ignore(text: str) -> Callable[[str], bool]:
    """Return whether a path is ignored (Docker's documentation, ".dockerignore file"): the last pattern that fits."""
    rules = []
    for line in text.splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        keeps = pattern.startswith("!")
        pattern = os.path.normpath(pattern.removeprefix("!").lstrip("/"))
        rules.append((re.compile(_as_expression(pattern) + r"(?:/.*)?"), not keeps))

    def is_ignored(path: str) -> bool:
        result = False
        for expression, ignored in rules:
            if expression.fullmatch(path):
                result = ignored
        return result

    return is_ignored


def _as_expression(pattern: str) -> str:
    """Return a regular expression for one pattern of Go's ``filepath.Match`` with ``**``."""
    found = ""
    for part in re.findall(r"\*\*/?|\*|\?|\[[^]]*\]|\\.|.", pattern):
        if part == "**/":
            found += r"(?:.*/)?"
        elif part == "**":
            found += ".*"
        elif part == "*":
            found += "[^/]*"
        elif part == "?":
            found += "[^/]"
        elif part.startswith("[") and len(part) > 2:
            found += part.replace("[^", "[^/")
        else:
            found += re.escape(part.removeprefix("\\") if len(part) == 2 else part)
    return found
