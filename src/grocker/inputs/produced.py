"""Files that the project's build commands wrote, and a project's files with them. Values."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from grocker.inputs.tree_files import TreeFiles
from grocker.python.source_tree import SourceFile, hash_tree

FILES = "files"
"""in a tree of the store: the directory with what commands wrote"""


class ProducedFile(msgspec.Struct, frozen=True):
    """A file or link that commands wrote."""

    path: str
    digest: str
    """sha256 of its bytes, or of a link's target"""
    executable: bool = False
    target: str | None = None
    """of a link"""
    machine: int = 0
    """the processor that a program of ELF is for; 0 for other files"""


class CommandResult(msgspec.Struct, frozen=True):
    """What is kept of a run."""

    tree: str
    """key of the tree with the files"""
    files: tuple[ProducedFile, ...]
    removed: tuple[str, ...] = ()
    """files of the project below the outputs that the commands removed"""


class Produced(msgspec.Struct, frozen=True):
    """What the project's commands wrote."""

    files: tuple[SourceFile, ...]
    removed: tuple[str, ...]
    has_network: bool
    watched: tuple[str, ...]
    """files and directories of the host that the result depends on"""
    commands: tuple[str, ...] = ()
    origin: str = ""
    """the ``package.json`` that the commands follow from; empty: the settings"""


def lay_over(files: Iterable[SourceFile], produced: Produced) -> tuple[SourceFile, ...]:
    """Return a project's files with those that commands wrote in place of its own."""
    made = {one.path: one for one in produced.files}
    gone = {*produced.removed, *(path[:at] for path in made for at in range(len(path)) if path[at] == "/")}
    kept = {one.path: one for one in files if one.path not in gone}
    return tuple(sorted((kept | made).values(), key=lambda one: one.path))


def with_produced(files: TreeFiles, produced: Produced | None) -> TreeFiles:
    """Return a tree with what commands wrote."""
    if produced is None:
        return files
    whole = lay_over(files.files, produced)
    return replace(files, files=whole, digest=hash_tree(whole))
