"""The files of a source tree as entries of the image, below ``/opt/app``. Contract: E14."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from grocker.inputs.tree_files import TreeFiles
from grocker.runner.contract import names
from grocker.tar.entry import Content, Entry, File, Symlink

ROOT = names.APPLICATION.removeprefix("/")
_HELD = 1 << 20
"""bytes: a larger file is read when it is written"""


class _Content(msgspec.Struct, frozen=True):
    """A large file's bytes (``tar.entry.Content``)."""

    path: Path
    size: int

    def chunks(self) -> Iterator[bytes]:
        with self.path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                yield chunk


def tree_entries(files: TreeFiles) -> Iterator[Entry]:
    """Yield the entry of each file."""
    for file in files.files:
        path = f"{ROOT}/{file.path}"
        if file.target is not None:
            yield Symlink(path, file.target)
            continue
        yield File(path, file_data(file.source(files.root)), 0o755 if file.executable else 0o644)


def file_data(place: Path) -> bytes | Content:
    """Return the bytes of a file, or of a large one what reads them when they are written."""
    size = place.stat().st_size
    return place.read_bytes() if size <= _HELD else _Content(place, size)
