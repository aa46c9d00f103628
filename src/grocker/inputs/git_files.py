"""Which files of a source tree git tracks or would add, and what on the host decides that.

Sources: git-ls-files(1), git-check-ignore(1), gitignore(5), git-config(1) ("FILES", "core.excludesFile").
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from grocker import command, local_file
from grocker.errors import UnavailableError
from grocker.python.git import Repository, nearest_repository

_GIT = ("git", "-c", "safe.directory=*", "-c", "core.fsmonitor=")


def list_files(environ: Mapping[str, str], root: Path, unreadable: list[str]) -> list[str] | None:
    """Return what git tracks or would add below ``root``; None if that is no work tree, or git is not installed.

    ``unreadable``: gets the directories that it cannot read.
    """
    if not any((parent / ".git").exists() for parent in (root.absolute(), *root.absolute().parents)):
        return None
    try:
        said = _run(environ, root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    except UnavailableError:
        return None
    if said.status != 0:
        return None
    unreadable += re.findall(r"(?m)^warning: could not open directory '(.+?)/?': Permission denied$", said.stderr)
    return _paths(said.stdout)


def watched(
    environ: Mapping[str, str], root: Path, files: Collection[str], *, is_never: Callable[[str], bool]
) -> Iterator[str]:
    """Yield the absolute paths of the directories and rules that decide what ``list_files`` returns, ``files``.

    They may not exist. ``is_never``: whether a directory, relative to ``root``, counts neither way.
    """
    for directory in _directories(environ, root, files, is_never):
        yield str(root / directory)
        yield str(root / directory / ".gitignore")
    repository = nearest_repository(root)
    if repository is not None:
        yield str(repository.directory / "index")
        yield from map(str, repository.rules())
    yield from map(str, _excludes(environ, root, repository))


def _directories(
    environ: Mapping[str, str], root: Path, files: Collection[str], is_never: Callable[[str], bool]
) -> Iterator[str]:
    """Yield the directories that git looks into, relative to ``root``: those with files, and others not ignored."""
    above = {""}
    for path in files:
        parent = path.rpartition("/")[0]
        while parent and parent not in above:
            above.add(parent)
            parent = parent.rpartition("/")[0]
    others: list[str] = []
    for directory in sorted(above):
        yield directory
        others += (one for one in _below(root, directory) if one not in above and not is_never(one))
    if not others:
        return
    asked = b"".join(os.fsencode(one) + b"\0" for one in others)
    ignored = set(_paths(_run(environ, root, "check-ignore", "-z", "--stdin", stdin=asked).stdout))
    found = [one for one in others if one not in ignored]
    while found:
        directory = found.pop()
        yield directory
        found += (one for one in _below(root, directory) if not is_never(one))


def _below(root: Path, directory: str) -> Iterator[str]:
    prefix = directory + "/" if directory else ""
    try:
        with os.scandir(root / directory) as listing:
            yield from (prefix + one.name for one in listing if one.is_dir(follow_symlinks=False))
    except OSError:
        return


def _excludes(environ: Mapping[str, str], root: Path, repository: Repository | None) -> Iterator[Path]:
    """Yield the configuration of git and the user's own ignore rules."""
    home = Path(environ.get("HOME", "/nonexistent"))
    files = [home / ".gitconfig", home / ".config/git/config", Path("/etc/gitconfig")]
    if repository is not None:
        files.append(repository.common / "config")
    yield from (*files, home / ".config/git/ignore")
    if any(re.search(rb"(?i)excludes|\[include", _text(file)) for file in files):
        said = _run(environ, root, "config", "-z", "--type=path", "--get", "core.excludesFile")
        top = repository.top if repository is not None else root
        yield from (top / one for one in _paths(said.stdout))


def _text(path: Path) -> bytes:
    try:
        return local_file.read(path)
    except OSError:
        return b""


def _run(environ: Mapping[str, str], root: Path, *arguments: str, stdin: bytes = b"") -> command.Output:
    known = {name: environ[name] for name in ("HOME", "PATH") if name in environ}
    words = (*_GIT, *arguments)
    return command.run(words, action="listing files", environment=known, directory=root, stdin=stdin)


def _paths(listing: bytes) -> list[str]:
    return [path for path in listing.decode("utf-8", "surrogateescape").split("\0") if path]
