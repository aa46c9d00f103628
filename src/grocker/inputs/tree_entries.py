"""The files of a source tree as entries of the image, below ``/opt/app``. Contract: E14."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from grocker.errors import CorruptError
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
    sha256: str = ""

    def chunks(self) -> Iterator[bytes]:
        seen = hashlib.sha256()
        with self.path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                seen.update(chunk)
                yield chunk
        if self.sha256 and seen.hexdigest() != self.sha256:
            raise CorruptError(f"reading {self.path}: it changed while it was being read", hint="build again")


def tree_entries(files: TreeFiles) -> Iterator[Entry]:
    """Yield the entry of each file."""
    for file in files.files:
        path = f"{ROOT}/{file.path}"
        if file.target is not None:
            yield Symlink(path, file.target)
            continue
        place = file.place or f"{files.root}/{file.path}"
        yield File(path, file_data(place, sha256=file.digest), 0o755 if file.executable else 0o644)


def file_data(place: Path | str, *, sha256: str = "") -> bytes | Content:
    """Return the bytes of a file, or of a large one what reads them when they are written.

    ``sha256``: of the bytes, hexadecimal, if that is known; a large file that changes meanwhile is an error then.
    """
    with open(place, "rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        return stream.readall() if size <= _HELD else _Content(Path(place), size, sha256)
