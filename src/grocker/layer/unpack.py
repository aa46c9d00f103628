"""Entries as files of the host: for running the image's interpreter from there, never for making layers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from grocker.errors import CorruptError
from grocker.layer.entry import Directory, Entry, File, Hardlink, Symlink, parents, wrong_path
from grocker.layer.tar import chunks, ordered
from grocker.store.writing import storage


def unpack(entries: Iterable[Entry], root: Path) -> None:
    """Write the entries below ``root``, an existing directory of ours; owners and special bits are left out.

    A path that an earlier entry made is kept: whoever comes first wins. Nothing is written outside ``root``: every
    directory on the way is looked at once, and one that is a link or a file is refused. Raises CorruptError,
    StorageError.
    """
    made: set[str] = set()
    for entry in ordered(entries):
        for path in (entry.path, entry.target) if isinstance(entry, Hardlink) else (entry.path,):
            reason = wrong_path(path)
            if reason is not None:
                raise CorruptError(f"unpacking the image's interpreter: the path {path!r} {reason}")
        with storage("unpacking", root / entry.path):
            for parent in reversed([*parents(entry.path)]):
                _directory(parent, root, made)
            _write(entry, root, made)


def _write(entry: Entry, root: Path, made: set[str]) -> None:
    place = root / entry.path
    if isinstance(entry, Directory):
        _directory(entry.path, root, made)
        return
    if place.is_symlink() or place.exists():
        return
    match entry:
        case File():
            with open(place, "wb") as stream:
                for chunk in chunks(entry):
                    stream.write(chunk)
            place.chmod(0o755 if entry.mode & 0o111 else 0o644)
        case Symlink():
            place.symlink_to(entry.target)
        case Hardlink():
            place.hardlink_to(root / entry.target)


def _directory(path: str, root: Path, made: set[str]) -> None:
    if path in made:
        return
    place = root / path
    try:
        place.mkdir(0o755)
    except FileExistsError:
        if place.is_symlink() or not place.is_dir():
            raise CorruptError(
                f"unpacking the image's interpreter: /{path} is no directory, and something lies in it"
            ) from None
    made.add(path)
