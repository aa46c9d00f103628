"""Unpack entries to files on the host, to run programs there; never to build layers."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from grocker.errors import CorruptError
from grocker.store.writing import storage_error
from grocker.tar.entry import Directory, Entry, File, Hardlink, Symlink, parents, path_problem
from grocker.tar.writer import chunks, sort_entries


def unpack(entries: Iterable[Entry], root: Path) -> None:
    """Write the entries below ``root``, an existing directory of Grocker's own; owners and special bits are left out.

    Of two entries with the same path, the first wins. Nothing is written outside ``root``: every directory on the way
    is checked once, and one that is a link or a file is an error. Raises CorruptError,
    StorageError.
    """
    made: set[str] = set()
    top = str(root)
    for entry in sort_entries(entries):
        for path in (entry.path, entry.target) if isinstance(entry, Hardlink) else (entry.path,):
            reason = path_problem(path)
            if reason is not None:
                raise CorruptError(
                    f"unpacking a package: the path {path!r} {reason}",
                    hint="use another version of the package, or another mirror",
                )
        try:
            if os.path.dirname(entry.path) not in made:
                for parent in reversed([*parents(entry.path)]):
                    _directory(parent, top, made)
            _write(entry, top, made)
        except OSError as error:
            raise storage_error(error, "unpacking", root / entry.path) from error


def link_tree(source: Path, target: Path) -> None:
    """Fill an empty directory with what ``source`` holds: files are hard links, those at its top are left out.

    Raises StorageError, CannotWriteError.
    """
    left = [""]
    try:
        while left:
            below = left.pop()
            with os.scandir(source / below) as listing:
                entries = list(listing)
            for entry in entries:
                path = f"{below}/{entry.name}".lstrip("/")
                if entry.is_dir(follow_symlinks=False):
                    os.mkdir(target / path)
                    os.chmod(target / path, 0o755)  # noqa: S103 - others run programs in it, whatever the umask is
                    left.append(path)
                elif below or entry.is_symlink():
                    os.link(entry.path, target / path, follow_symlinks=False)
    except OSError as error:
        raise storage_error(error, "linking to", target) from error


def _write(entry: Entry, top: str, made: set[str]) -> None:
    place = f"{top}/{entry.path}"
    match entry:
        case Directory():
            _directory(entry.path, top, made)
        case File():
            try:
                handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o700)
            except FileExistsError:
                return
            with open(handle, "wb") as stream:
                for chunk in chunks(entry):
                    stream.write(chunk)
                os.fchmod(handle, 0o755 if entry.mode & 0o111 else 0o644)
        case Symlink():
            if not os.path.lexists(place):
                os.symlink(entry.target, place)
        case Hardlink():
            if not os.path.lexists(place):
                os.link(f"{top}/{entry.target}", place, follow_symlinks=False)


def _directory(path: str, top: str, made: set[str]) -> None:
    if path in made:
        return
    place = f"{top}/{path}"
    try:
        os.mkdir(place)
        os.chmod(place, 0o755)  # noqa: S103 - others run programs in it, whatever the umask is
    except FileExistsError:
        if os.path.islink(place) or not os.path.isdir(place):
            raise CorruptError(
                f"unpacking a package: /{path} is not a directory, but has entries below it",
                hint="use another version of the package, or another mirror",
            ) from None
    made.add(path)
