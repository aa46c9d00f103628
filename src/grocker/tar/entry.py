"""The entries of a layer: the members of its tar archive, as values.

Paths are relative to the image's root, without a leading or trailing slash, normalised, in merged-/usr form
(``usr/bin/sh``, never ``bin/sh``). Entries have no times of their own: the layer's epoch applies.
Source: OCI image specification, layer.md.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Protocol

import msgspec


class Content(Protocol):
    """The content of a file too large to hold in memory: read each time that it is written."""

    @property
    def size(self) -> int:
        """bytes"""

    @property
    def sha256(self) -> str:
        """of the bytes, hexadecimal; empty if that takes reading them"""

    def chunks(self) -> Iterator[bytes]:
        """The bytes, from the beginning."""


class Directory(msgspec.Struct, frozen=True):
    """A directory; ``mode`` is its permission bits (0o755)."""

    path: str
    mode: int = 0o755
    uid: int = 0
    gid: int = 0


class File(msgspec.Struct, frozen=True):
    """A regular file; ``mode`` with setuid and setgid bits where it has them."""

    path: str
    data: bytes | Content
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    capability: bytes = b""
    """value of the extended attribute ``security.capability``; empty: it has none"""


class Symlink(msgspec.Struct, frozen=True):
    """A symbolic link; ``target`` is its text."""

    path: str
    target: str
    uid: int = 0
    gid: int = 0


class Hardlink(msgspec.Struct, frozen=True):
    """Another name of the file at ``target``, a path of the same layer member, in the form of ``path``.

    Mode, owner and capability are the file's: ``sort_entries`` sets them, because engines apply those of every name
    that they unpack, and a new owner takes the capability away.
    """

    path: str
    target: str
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    capability: bytes = b""


class Whiteout(File, frozen=True):
    """An empty file whose name hides something in the layers below; ``hide`` makes it."""

    @property
    def hidden(self) -> str:
        """The path that it hides, with all below it."""
        return posixpath.join(posixpath.dirname(self.path), posixpath.basename(self.path).removeprefix(WHITEOUT))


Entry = Directory | File | Symlink | Hardlink

LONGEST_NAME = 255
"""bytes of one part of a path (NAME_MAX)"""
_SURELY_SHORT = LONGEST_NAME // 4
"""characters of a path whose parts cannot be longer"""
WHITEOUT = ".wh."
"""Prefix of names that hide something in the layers below (layer.md, Whiteouts)."""


def hide(path: str) -> Whiteout:
    """Return the entry that hides what the layers below have at ``path``."""
    return Whiteout(posixpath.join(posixpath.dirname(path), WHITEOUT + posixpath.basename(path)), b"")


def path_problem(path: str) -> str | None:
    """The reason why that path is not allowed for an entry; None if it is."""
    if path.startswith("/") or ".." in path.split("/"):
        return "leaves the image's root"
    if not path or path == "." or "\0" in path or posixpath.normpath(path) != path:
        return "is not a normalised path"
    if posixpath.basename(path).startswith(WHITEOUT):
        return "is a whiteout, which would delete files of lower layers"
    if len(path) > _SURELY_SHORT and max(map(len, path.encode("utf-8", "surrogateescape").split(b"/"))) > LONGEST_NAME:
        return f"has a name that is longer than {LONGEST_NAME} bytes, which is more than file systems allow"
    return None


def parents(path: str) -> Iterator[str]:
    """The parents of a path, the nearest first, without the root."""
    path = posixpath.dirname(path)
    while path:
        yield path
        path = posixpath.dirname(path)
