"""A project's source tree: which files count, and one digest for them on every machine.

The digest depends on paths, executable bits and contents, not on times, owners, umask, order or host.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from grocker import local_file
from grocker.digest import Digest
from grocker.errors import CorruptError, DeniedError, MissingError, SettingsError, StorageError

FORMAT = 1
"""Part of step keys: increased when other files of the same tree count."""

_NEVER = frozenset(
    (
        *(".git", ".hg", ".svn", ".bzr", "_darcs", "CVS"),
        *("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".tox", ".nox", ".eggs"),
        *(".pytype", ".pyre", ".ipynb_checkpoints", "node_modules", ".DS_Store", ".coverage"),
    )
)
_NEVER_ENDINGS = (".pyc", ".pyo", ".egg-info", "~", ".swp")
_NEVER_WITH = frozenset({"pyvenv.cfg", "oci-layout", "CACHEDIR.TAG"})
"""what marks a directory as generated: virtual environments, image layouts, caches"""
_NEVER_ON_TOP = frozenset({"grocker.lock"})
_PRODUCTS_ON_TOP = frozenset({"build", "dist"})
_RACY = 2_000_000_000
"""nanoseconds: the coarsest timestamps of a file system in use (FAT)"""


class SourceFile(msgspec.Struct, frozen=True):
    """A file or link that counts."""

    path: str
    """relative to the root, with ``/``"""
    digest: str
    """sha256 of the bytes, hexadecimal; of the target for a link"""
    executable: bool = False
    target: str | None = None
    """target of a link, relative to its own directory; None for a file"""


class SourceTree(msgspec.Struct, frozen=True):
    """The files of a project that count."""

    root: Path
    files: tuple[SourceFile, ...]
    """sorted by path"""
    digest: Digest
    known: FileHashes
    """to be stored, and passed to the next ``read_tree`` of the same root"""


class FileHashes(msgspec.Struct, frozen=True):
    """Hashes of files by their stat(2) values, so that unchanged files are not read again.

    As in git's index, a file changed less than two seconds before it was hashed is left out ("racy clean"): it could
    change again within the same tick of the clock.
    """

    files: Mapping[str, tuple[str, str]] = msgspec.field(default_factory=dict)
    """path → (stat values, digest)"""

    def encode(self) -> bytes:
        """One line per file, sorted; paths that contain a newline are left out."""
        return b"".join(
            f"{seen}\t{digest}\t{path}\n".encode("utf-8", "surrogateescape")
            for path, (seen, digest) in sorted(self.files.items())
            if "\n" not in path
        )

    @classmethod
    def decode(cls, data: bytes) -> FileHashes:
        """The value that ``encode`` wrote; empty when it is damaged."""
        files = {}
        for line in data.decode("utf-8", "surrogateescape").splitlines(keepends=True):
            parts = line.rstrip("\n").split("\t", 2)
            if len(parts) != 3 or len(parts[1]) != 64:
                return cls()
            files[parts[2]] = (parts[0], parts[1])
        return cls(files)


def read_tree(root: Path, *, now: int, known: FileHashes | None = None) -> SourceTree:
    """Hash the files below ``root`` that count.

    ``now``: the time, nanoseconds since the epoch. ``known``: from an earlier call.
    Raises MissingError when there is no such directory, CorruptError for a link that points outside of it, DeniedError
    for an unreadable file, StorageError when reading fails.
    """
    if not root.is_dir():
        kind = "is a file" if root.exists() else "does not exist"
        raise MissingError(
            f"reading the project: {root} {kind}", hint="give the directory that contains pyproject.toml"
        )
    earlier = known.files if known else {}
    real = os.path.realpath(root)
    files: list[SourceFile] = []
    noted: dict[str, tuple[str, str]] = {}
    for path, entry in _walk(root, ""):
        if entry.is_symlink():
            target = _link(real, path, entry)
            files.append(SourceFile(path, hashlib.sha256(os.fsencode(target)).hexdigest(), target=target))
            continue
        about = entry.stat(follow_symlinks=False)
        seen = f"{about.st_size}:{about.st_mtime_ns}:{about.st_ctime_ns}:{about.st_ino}"
        hit = earlier.get(path)
        digest = hit[1] if hit and hit[0] == seen else _hash(Path(entry.path))
        if max(about.st_mtime_ns, about.st_ctime_ns) + _RACY < now:
            noted[path] = (seen, digest)
        files.append(SourceFile(path, digest, executable=bool(about.st_mode & 0o100)))
    files.sort(key=lambda file: file.path)
    return SourceTree(root, tuple(files), hash_tree(files), FileHashes(noted))


def hash_tree(files: list[SourceFile] | tuple[SourceFile, ...]) -> Digest:
    """The digest of files sorted by path."""
    hashing = hashlib.sha256(b"grocker source tree 1\n")
    for file in files:
        kind = "l" if file.target is not None else "x" if file.executable else "f"
        hashing.update(f"{kind} {file.digest} {len(os.fsencode(file.path))} ".encode())
        hashing.update(os.fsencode(file.path) + b"\n")
    return Digest("sha256:" + hashing.hexdigest())


def _walk(directory: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        with os.scandir(directory) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except PermissionError as error:
        raise DeniedError(f"reading the project: {directory}: {error.strerror}") from error
    except OSError as error:
        raise StorageError(f"reading the project: {directory}: {error.strerror}") from error
    names = {entry.name for entry in entries}
    if prefix and not names.isdisjoint(_NEVER_WITH):
        return
    for entry in entries:
        name = entry.name
        if _never_counts(name) or (not prefix and name in _NEVER_ON_TOP):
            continue
        if entry.is_symlink():
            yield prefix + name, entry
        elif entry.is_dir(follow_symlinks=False):
            if not prefix and name in _PRODUCTS_ON_TOP and not os.path.exists(os.path.join(entry.path, "__init__.py")):
                continue
            yield from _walk(Path(entry.path), f"{prefix}{name}/")
        elif entry.is_file(follow_symlinks=False):
            yield prefix + name, entry


def read_named_file(root: Path, name: str, *, setting: str) -> bytes:
    """Return the bytes of a file of the project in ``root`` that a setting names by its path.

    Links are followed as far as they stay in the project and lead to no file that never counts (``.git/config`` may
    hold a token). Raises SettingsError, naming ``setting``, for anything but such a regular file of reasonable size.
    """
    real_root = os.path.realpath(root)
    real = os.path.realpath(os.path.join(real_root, name))
    hint = "name a file inside the project"
    if not real.startswith(real_root + os.sep):
        raise SettingsError(f"{setting}: {name} leads out of the project, to {real}", hint=hint)
    for path in (name, os.path.relpath(real, real_root)):
        never = next((part for part in path.split("/") if _never_counts(part)), None)
        if never is not None:
            raise SettingsError(f"{setting}: {name} lies in {never}, which is never part of the project", hint=hint)
    try:
        return local_file.read(real)
    except OSError as error:
        raise SettingsError(f"{setting}: cannot read {root / name}: {error.strerror}", hint=hint) from error


def _never_counts(name: str) -> bool:
    return name in _NEVER or name.endswith(_NEVER_ENDINGS)


def _link(real: str, path: str, entry: os.DirEntry[str]) -> str:
    """The target of a link, relative. Raises CorruptError when it is outside of ``real``."""
    target = os.readlink(entry.path)
    here = os.path.dirname(os.path.join(real, path))
    end = os.path.realpath(os.path.join(here, target))
    if end != real and not end.startswith(real + os.sep):
        raise CorruptError(
            f"reading the project: the link {path} points outside of the project, to {target}",
            hint="copy its target into the project, or remove the link",
        )
    return os.path.relpath(end, here) if os.path.isabs(target) else target


def _hash(path: Path) -> str:
    try:
        with path.open("rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except PermissionError as error:
        raise DeniedError(f"reading the project: {path}: {error.strerror}", hint="make the file readable") from error
    except OSError as error:
        raise StorageError(f"reading the project: {path}: {error.strerror}") from error


def copy_tree(tree: SourceTree, destination: Path, *, epoch: int) -> None:
    """A normalised copy: modes 0644 and 0755, times ``epoch`` (seconds), only files that count.

    Raises CorruptError when a file changed since ``tree`` was read; StorageError when the copy cannot be written.
    """
    made = {""}
    try:
        destination.mkdir(parents=True)
        for file in tree.files:
            parent = os.path.dirname(file.path)
            if parent not in made:
                (destination / parent).mkdir(parents=True, exist_ok=True)
                above = parent
                while above not in made:
                    made.add(above)
                    above = os.path.dirname(above)
            path = destination / file.path
            if file.target is not None:
                path.symlink_to(file.target)
            else:
                data = (tree.root / file.path).read_bytes()
                if hashlib.sha256(data).hexdigest() != file.digest:
                    raise CorruptError(
                        f"copying the project: {file.path} changed while it was being read", hint="build again"
                    )
                path.write_bytes(data)
                path.chmod(0o755 if file.executable else 0o644)
            os.utime(path, (epoch, epoch), follow_symlinks=False)
        for directory in sorted(made, reverse=True):
            os.chmod(destination / directory, 0o755)  # noqa: S103 - a build directory is not secret
            os.utime(destination / directory, (epoch, epoch))
    except OSError as error:
        raise StorageError(f"copying the project: {error.filename or destination}: {error.strerror}") from error
