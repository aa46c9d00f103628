"""A project's source tree: which files count, and one digest for them on every machine.

The digest depends on paths, executable bits and contents, not on times, owners, umask, order or host.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from grocker import local_file
from grocker.digest import Digest, of
from grocker.errors import CorruptError, DeniedError, MissingError, SettingsError, StorageError
from grocker.python import git, selection
from grocker.python.git import Repository
from grocker.python.named_paths import NamedPaths, read_named_paths
from grocker.python.tree_record import (
    FileRow,
    LeftOut,
    TreeRecord,
    describe,
    hash_file,
    read_state,
    settled,
    stat_values,
    unlisted,
)

_CHUNK = 1 << 20
"""bytes of a file that are held while it is copied"""


class SourceFile(msgspec.Struct, frozen=True):
    """A file or link that counts."""

    path: str
    """relative to the root, with ``/``; it begins with ``..`` when it lies elsewhere in the repository"""
    digest: str
    """sha256 of the bytes, hexadecimal; of the target for a link"""
    executable: bool = False
    target: str | None = None
    """target of a link, relative to its own directory; None for a file"""
    place: str = ""
    """where its bytes are, if a build command wrote it; empty: below the root"""

    def source(self, root: Path) -> Path:
        """Where its bytes are, in a tree at ``root``."""
        return Path(self.place) if self.place else root / self.path

    def read(self, root: Path) -> bytes:
        """Its bytes, in a tree at ``root``. Raises CorruptError when it has changed, OSError."""
        return b"".join(self._chunks(root))

    def copy(self, root: Path, target: Path) -> None:
        """Copy its bytes from a tree at ``root``. Raises CorruptError when it has changed, OSError."""
        with target.open("wb") as copied:
            copied.writelines(self._chunks(root))

    def _chunks(self, root: Path) -> Iterator[bytes]:
        found = hashlib.sha256()
        with self.source(root).open("rb", buffering=0) as source:
            while chunk := source.read(_CHUNK):
                found.update(chunk)
                yield chunk
        if found.hexdigest() != self.digest:
            raise CorruptError(f"copying the project: {self.path} changed while it was being read", hint="build again")


class SourceTree(msgspec.Struct, frozen=True):
    """The files of a project that count."""

    root: Path
    files: tuple[SourceFile, ...]
    """sorted by path"""
    digest: Digest
    known: TreeRecord
    """to be stored, and passed to the next ``read_tree`` of the same root"""
    left_out: tuple[LeftOut, ...] = ()
    """files and directories that do not count, as far as they may be missed; sorted by path"""
    directories: tuple[str, ...] = ("",)
    """directories whose content decides which files count, relative to the root"""
    named: NamedPaths = NamedPaths()
    """what the project's configuration names"""
    repository: Repository | None = None
    """the git repository that the directory lies in"""
    shape: str = ""
    """a digest of all that decides which files there are, but not of their content; empty if that is not known"""
    git_state: str = ""
    """the digest of what ``repository.read_state`` returns; empty if nobody asked"""

    @property
    def watched(self) -> Iterator[str]:
        """The files and directories, relative to the root, that it depends on."""
        yield from self.directories
        yield from (file.path for file in self.files if not file.place)
        yield from (one.path for one in self.left_out if one.why == selection.UNREADABLE)

    @property
    def below(self) -> str:
        """The project's place in its repository; empty at its top."""
        return self.repository.prefix if self.repository is not None else ""


def read_tree(root: Path, *, now: int, known: TreeRecord | None = None, exclude: Sequence[str] = ()) -> SourceTree:
    """Hash the files below ``root`` that count.

    ``now``: the time, nanoseconds since the epoch. ``known``: from an earlier call. ``exclude``: patterns of files that
    do not count (``selection.Patterns``).
    Raises MissingError when there is no such directory, DeniedError for a file that cannot be read though git tracks
    it or a package holds it, StorageError when reading fails.
    """
    if not root.is_dir():
        kind = "is a file" if root.exists() else "does not exist"
        raise MissingError(
            f"reading the project: {root} {kind}", hint="give the directory that contains pyproject.toml"
        )
    repository, named = git.find_repository(root), read_named_paths(root)
    known = known or TreeRecord()
    circumstances = describe(repository, named, exclude)
    if (
        known.circumstances == circumstances
        and read_state(root, repository, unlisted(known.directories)) == known.state
    ):
        rows = known.reread(root)
        if rows is not None:
            files = tuple(SourceFile(row.path, row.digest, row.is_executable) for row in rows)
            directories = tuple(row.path for row in known.directories)
            about = (known, known.left_out, directories, named, repository, known.shape, known.git_state)
            return SourceTree(root, files, hash_tree(files), *about)
    return _read_anew(root, now, known, repository, named, circumstances, exclude)


def _read_anew(
    root: Path,
    now: int,
    known: TreeRecord,
    repository: Repository | None,
    named: NamedPaths,
    circumstances: str,
    exclude: Sequence[str],
) -> SourceTree:
    """Find out which files count, and hash those that changed."""
    from grocker.python.tree_circumstances import complete

    state = read_state(root, repository)
    earlier = known.hashes()
    selected = selection.select(root, repository, named, exclude)
    left_out = list(selected.left_out)
    files: list[SourceFile] = []
    rows: list[FileRow] = []
    for found in selected.files:
        if found.target is not None:
            digest = hashlib.sha256(os.fsencode(found.target)).hexdigest()
            files.append(SourceFile(found.path, digest, target=found.target))
            continue
        place = f"{root}/{found.path}"
        try:
            about = os.stat(place, follow_symlinks=False)
            seen = stat_values(about)
            hit = earlier.get(found.path)
            digest = hit[1] if hit and hit[0] == seen else hash_file(place)
        except PermissionError as error:
            if found.is_needed:
                where = f"reading the project: {place}: {error.strerror}"
                raise DeniedError(where, hint="make it readable, or exclude it in [tool.grocker]") from error
            left_out.append(LeftOut(found.path, selection.UNREADABLE, is_missed=True))
            continue
        except OSError as error:
            raise StorageError(
                f"reading the project: {place}: {error.strerror}",
                hint="check the file system (dmesg, mount)",
            ) from error
        rows.append(FileRow(found.path, digest, settled(seen, now)))
        files.append(SourceFile(found.path, digest, executable=bool(about.st_mode & 0o100)))
    files.sort(key=lambda file: file.path)
    rows.sort(key=lambda row: row.path)
    left_out.sort(key=lambda one: one.path)
    read = TreeRecord(tuple(rows), left_out=tuple(left_out), circumstances=circumstances)
    record = complete(read, root, repository, selected, state, now)
    directories = tuple(row.path for row in selected.directories)
    values = (record, read.left_out, directories, named, repository, record.shape, record.git_state)
    return SourceTree(root, tuple(files), hash_tree(files), *values)


def hash_tree(files: list[SourceFile] | tuple[SourceFile, ...]) -> Digest:
    """The digest of files sorted by path."""
    lines = ["grocker source tree 1\n"]
    for file in files:
        kind = "l" if file.target is not None else "x" if file.executable else "f"
        path = file.path
        lines.append(f"{kind} {file.digest} {len(path) if path.isascii() else len(os.fsencode(path))} {path}\n")
    return of(os.fsencode("".join(lines)))


def read_named_file(root: Path, name: str, *, setting: str) -> bytes:
    """Return the bytes of a file of the project in ``root`` that a setting names by its path.

    Links are followed as far as they stay in the project and lead to no file that never counts (``.git/config`` may
    hold a token). Raises SettingsError, naming ``setting``, for anything but such a regular file of reasonable size.
    """
    real_root = os.path.realpath(root)
    real = os.path.realpath(os.path.join(real_root, name))
    hint = "name a file inside the project"
    if not real.startswith(real_root + os.sep):
        raise SettingsError(f"{setting}: {name} points outside the project, to {real}", hint=hint)
    for path in (name, os.path.relpath(real, real_root)):
        never = next((part for part in path.split("/") if selection.never_counts(part)), None)
        if never is not None:
            raise SettingsError(f"{setting}: {name} lies in {never}, which is never part of the project", hint=hint)
    try:
        return local_file.read(real)
    except OSError as error:
        raise SettingsError(f"{setting}: cannot read {root / name}: {error.strerror}", hint=hint) from error


def places(tree: SourceTree) -> list[str]:
    """Where each file lies below the top of the project's repository."""
    return [os.path.normpath(os.path.join(tree.below, file.path)) for file in tree.files]


def copy_tree(tree: SourceTree, destination: Path, *, epoch: int) -> Path:
    """A normalised copy: modes 0644 and 0755, times ``epoch`` (seconds), only files that count.

    ``destination`` stands for the top of the project's repository, if it has one. Returns the copy of the project.
    Raises CorruptError when a file changed since ``tree`` was read; StorageError when the copy cannot be written.
    """
    made = {""}
    project = destination / tree.below
    try:
        project.mkdir(parents=True)
        for file, place in zip(tree.files, places(tree), strict=True):
            parent = os.path.dirname(place)
            if parent not in made:
                (destination / parent).mkdir(parents=True, exist_ok=True)
                above = parent
                while above not in made:
                    made.add(above)
                    above = os.path.dirname(above)
            path = destination / place
            if file.target is not None:
                path.symlink_to(file.target)
            else:
                file.copy(tree.root, path)
                path.chmod(0o755 if file.executable else 0o644)
            os.utime(path, (epoch, epoch), follow_symlinks=False)
        for directory in sorted(made, reverse=True):
            os.chmod(destination / directory, 0o755)  # noqa: S103 - a build directory is not secret
            os.utime(destination / directory, (epoch, epoch))
    except OSError as error:
        raise StorageError(
            f"copying the project: {error.filename or destination}: {error.strerror}",
            hint="check the file system (dmesg, mount)",
        ) from error
    return project
