"""The layers of the application: its large files, and its wheel with the documents that the runner reads."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Container, Iterable, Sequence, Set

from grocker.errors import CorruptError
from grocker.plan.documents import Documents
from grocker.runner.contract import names
from grocker.tar.entry import Directory, Entry, File, parents
from grocker.tar.writer import chunks, size

_WEIGHT = 1 << 13
"""bytes that weigh as much as a file"""
_LEAST, _MOST = 500, 2000
"""A part may end from the first weight on, and must at the second."""
_LARGE = 1 << 20
"""bytes: larger files are data, except modules and what describes the wheel"""
_WORTH = 8 << 20
"""least bytes of data for a layer of its own"""
_BYTECODE = "/__pycache__"
_MODULES = (".py", ".pyc")
_DESCRIPTION = ".dist-info/"


def entries(installed: Sequence[Entry], documents: Documents) -> tuple[Entry, ...]:
    """Return the files; ``installed``: those of the application's wheel."""
    own = (
        *installed,
        File(names.IMAGE_JSON.removeprefix("/"), documents.image_json),
        File(names.BASE_SETTINGS.removeprefix("/"), documents.settings_ini),
    )
    return own if documents.crontab is None else (*own, File(names.CRONTAB.removeprefix("/"), documents.crontab))


def find_data(installed: Iterable[Entry], collected: Container[str] = ()) -> list[File]:
    """Find the large files that get a layer below the application's, so that a changed line does not touch them.

    ``installed``: the files of the application's wheel; ``collected``: paths of those that Django collected.
    """
    found = [entry for entry in installed if isinstance(entry, File) and _is_data(entry)]
    own = [entry for entry in found if entry.path not in collected]
    return own if sum(size(entry) for entry in own) >= _WORTH else []


def refuse_below(data: Set[str], files: Iterable[Entry]) -> None:
    """Raise CorruptError if a file of the application's layer lies below a path of ``data``."""
    for entry in files:
        for parent in parents(entry.path):
            if parent in data:
                raise CorruptError(
                    f"the application: /{entry.path} is below /{parent}, which is not a directory",
                    hint="remove one of the two, or change the command that writes it",
                )


def split(files: Iterable[Entry]) -> list[list[Entry]]:
    """Split the files into parts that are compiled and compressed apart; those of most applications are one part.

    A part is whole directories, with their bytecode, and large files. Within bounds, the name of the next one decides
    whether it ends, not what came before: after a new or changed file, the other parts are as they were.
    """
    units: dict[str, list[Entry]] = {}
    for entry in files:
        units.setdefault(_unit(entry), []).append(entry)
    parts: list[list[Entry]] = [[]]
    weight = 0
    for name in sorted(units):
        if weight >= _MOST or (weight >= _LEAST and zlib.crc32(name.encode("utf-8", "surrogateescape")) % 4 == 0):
            parts.append([])
            weight = 0
        parts[-1] += units[name]
        weight += sum(_weight(entry) for entry in units[name])
    return parts


def _is_data(file: File) -> bool:
    return size(file) > _LARGE and not file.path.endswith(_MODULES) and _DESCRIPTION not in file.path


def _unit(entry: Entry) -> str:
    if isinstance(entry, File) and _is_data(entry):
        return entry.path
    directory = entry.path if isinstance(entry, Directory) else entry.path.rpartition("/")[0]
    return directory.removesuffix(_BYTECODE)


def _weight(entry: Entry) -> int:
    return 1 + size(entry) // _WEIGHT if isinstance(entry, File) else 1


def hash_entries(part: Sequence[Entry]) -> str:
    """Return a digest of entries and their content, 64 hexadecimal digits."""
    found = hashlib.sha256()
    for entry in part:
        if isinstance(entry, File):
            about = entry.path, entry.mode, entry.uid, entry.gid, entry.capability, _sha256(entry)
            found.update(repr((type(entry).__name__, *about)).encode())
        else:
            found.update(repr(entry).encode())
    return found.hexdigest()


def _sha256(file: File) -> str:
    if isinstance(file.data, bytes):
        return hashlib.sha256(file.data).hexdigest()
    if file.data.sha256:
        return file.data.sha256
    found = hashlib.sha256()
    for chunk in chunks(file):
        found.update(chunk)
    return found.hexdigest()
