"""Remove from a store what no build used lately. Whatever goes is made or fetched again by the build that needs it."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from grocker.errors import TryAgainError
from grocker.store.store import Store, abandoned
from grocker.store.writing import remove, storage

_ACTION = "pruning the cache"
_FOREIGN = frozenset({"npm", "uv"})
"""in ``downloads``: the caches of other tools, each as one entry"""
_FILES = ("refs", "steps", "downloads", "blobs/sha256")
"""rooms whose files are entries of their own"""


class Prunable(msgspec.Struct, frozen=True):
    """What can only be removed together."""

    paths: tuple[Path, ...]
    """in the order in which they are removed: what describes something goes first"""
    size: int
    """bytes on the disk"""
    used: float
    """seconds since the epoch: when it was last written or read, as far as the file system records that"""


class Pruned(msgspec.Struct, frozen=True):
    """What went, and what stayed."""

    removed: int
    """entries"""
    freed: int
    """bytes"""
    kept: int
    """bytes"""


def prune(store: Store, *, before: float, keep: int | None = None, dry_run: bool = False) -> Pruned:
    """Remove entries last used earlier than ``before`` (seconds since the epoch), and uv's cache with the same rule.

    ``keep``: bytes that may stay; the least recently used go first, even if used later than ``before``.
    Raises TryAgainError while another process uses the store, StorageError, CannotWriteError.
    """
    # Whoever opens the store claims a temporary directory under this lock, so nobody begins to use it meanwhile.
    with store.lock("tmp"):
        if not dry_run:
            _require_alone(store)
        entries = sorted(find_entries(store), key=lambda entry: (entry.used, entry.paths))
        left = sum(entry.size for entry in entries)
        gone = []
        for entry in entries:
            if entry.used < before or (keep is not None and left > keep):
                gone.append(entry)
                left -= entry.size
        if not dry_run:
            _remove(store, gone)
    return Pruned(len(gone), sum(entry.size for entry in gone), left)


def find_entries(store: Store) -> Iterator[Prunable]:
    """Find everything that a build could make or fetch again, in no order."""
    for room in _FILES:
        for path in (store.root / room).iterdir():
            if not (room == "steps" and path.name.startswith("tree-")):
                yield _entry(path)
    members = store.root / "members"
    for key in {path.name.removesuffix(".gz") for path in members.iterdir()}:
        yield _entry(members / key, store.member(key))
    for tree in (store.root / "trees").iterdir():
        yield _entry(store.root / "steps" / f"tree-{tree.name}", tree)


def _entry(*paths: Path) -> Prunable:
    size, used = 0, 0.0
    for path in paths:
        for file in (path, *(path.rglob("*") if path.is_dir() and not path.is_symlink() else ())):
            try:
                found = file.lstat()
            except FileNotFoundError:
                continue
            size += found.st_blocks * 512
            # A directory is read by this very loop. Whoever uses a tree reads its seal.
            if not stat.S_ISDIR(found.st_mode) and (file == path or path.name in _FOREIGN):
                used = max(used, found.st_atime, found.st_mtime)
    return Prunable(paths, size, used)


def _require_alone(store: Store) -> None:
    dead = set(abandoned(store))
    living = [path for path in (store.root / "tmp").iterdir() if path not in dead and not store.owns(path)]
    if living:
        raise TryAgainError(
            f"{_ACTION} {store.root.parent}: another Grocker is using it, process {living[0].name.partition('.')[0]}",
            hint="run grocker prune again when it has finished",
        )


def _remove(store: Store, entries: list[Prunable]) -> None:
    with storage(_ACTION, store.root.parent):
        blobs = {path.name for entry in entries for path in entry.paths if path.parent.name == "sha256"}
        for path in (store.root / "refs").iterdir() if blobs else ():
            digest = path.read_bytes().rpartition(b":")[2].decode(errors="replace").strip()
            if digest in blobs:
                remove(path)
        for entry in entries:
            for path in entry.paths:
                if path.is_dir() and not path.is_symlink():
                    _remove_tree(store, path)
                else:
                    remove(path)


def _remove_tree(store: Store, path: Path) -> None:
    """Move it away first: what is left of it after ``kill -9`` must not look like a whole one."""
    with store.scratch() as scratch:
        path.rename(scratch / "tree")
        shutil.rmtree(scratch / "tree", ignore_errors=True)
