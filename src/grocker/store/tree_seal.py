"""Check whether an unpacked tree is unchanged: foreign programs run in it and may write to it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal


def make(tree: Path) -> bytes:
    """Return the seal of the tree as it is now, a JSON document. Raises OSError."""
    return f'"{look(tree)} {read(tree)}"'.encode()


def check(tree: Path, seal: bytes) -> Literal["same", "moved"] | None:
    """Return ``moved`` when only times and inodes differ (a restored backup), None for another or a damaged tree."""
    seen, _, content = seal.decode().strip('"').partition(" ")
    try:
        if look(tree) == seen:
            return "same"
        return "moved" if read(tree) == content else None
    except OSError:
        return None


def look(tree: Path) -> str:
    """Return a digest of the stat(2) results of everything below ``tree``, ctimes included; reads no file.

    Raises OSError.
    """
    hashing = hashlib.sha256()
    for path, about in _entries(os.fspath(tree), ""):
        line = f"{about.st_mode} {about.st_size} {about.st_mtime_ns} {about.st_ctime_ns} {about.st_ino} {path}\0"
        hashing.update(line.encode("utf-8", "surrogateescape"))
    return hashing.hexdigest()


def read(tree: Path) -> str:
    """Return a digest of the paths, modes, contents and targets of links below ``tree``. Raises OSError."""
    hashing = hashlib.sha256()
    for path, about in _entries(os.fspath(tree), ""):
        place = os.path.join(tree, path)
        content = ""
        if os.path.islink(place):
            content = hashlib.sha256(os.fsencode(os.readlink(place))).hexdigest()
        elif os.path.isfile(place):
            with open(place, "rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
        hashing.update(f"{about.st_mode} {content} {path}\0".encode("utf-8", "surrogateescape"))
    return hashing.hexdigest()


def _entries(directory: str, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(directory) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        about = entry.stat(follow_symlinks=False)
        yield prefix + entry.name, about
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path, f"{prefix}{entry.name}/")
