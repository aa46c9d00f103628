"""Whether all that decides which files of a source tree count is known, so that the tree can be read again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from grocker import local_file
from grocker.digest import of
from grocker.errors import StorageError
from grocker.python import selection
from grocker.python.selection import Selection
from grocker.python.tree_record import RULES, Stat, TreeRecord, read_state, settled, unlisted
from grocker.regex import regex

if TYPE_CHECKING:
    from grocker.python.git import Repository

_MORE_RULES = regex(rb"(?i)excludes|\[include")
"""in git's configuration: rules or settings that lie in files elsewhere"""


def complete(
    record: TreeRecord, root: Path, repository: Repository | None, selected: Selection, state: dict[str, Stat], now: int
) -> TreeRecord:
    """Return a record from which the tree at ``root`` can be read again, if all that decides is known.

    ``record``: has the files, what is left out, and the circumstances. ``state``: what ``read_state`` returned before
    the files were selected. ``now``: nanoseconds since the epoch.
    """
    hashes = TreeRecord(record.files)
    if not _is_known(record, repository, selected) or read_state(root, repository) != state:
        return hashes
    whole = {**state, **read_state(root, None, unlisted(selected.directories))}
    if any(settled(stat, now) != stat for stat in whole.values()):
        return hashes
    try:
        git_state = of(repository.read_state()) if repository is not None else ""
        shape = _shape(record, repository)
    except (StorageError, UnicodeEncodeError):  # whoever needs the state reports it; or a path is no text
        return hashes
    directories = tuple(replace(row, stat=settled(row.stat, now)) for row in selected.directories)
    return replace(record, directories=directories, state=whole, shape=shape, git_state=git_state)


def _is_known(record: TreeRecord, repository: Repository | None, selected: Selection) -> bool:
    """Tell whether all that decides is within the tree and git's own files."""
    if any(found.target is not None for found in selected.files):
        return False  # what a link leads to lies anywhere
    if any(one.why == selection.UNREADABLE or one.why.startswith(selection.OUTSIDE) for one in record.left_out):
        return False
    if repository is None:
        return True
    if not {*selected.rules} <= {row.path for row in record.files} or (repository.top / ".gitmodules").exists():
        return False
    try:
        return _MORE_RULES.search(local_file.read(repository.common / "config")) is None
    except OSError:
        return False


def _shape(record: TreeRecord, repository: Repository | None) -> str:
    """Return ``SourceTree.shape``. Raises UnicodeEncodeError."""
    words = [f"{'x' if row.is_executable else 'f'} {row.path}" for row in record.files]
    words += [f"{row.path} {row.digest}" for row in record.files if row.path.rpartition("/")[2] == RULES]
    if repository is not None:
        words += [repository.prefix, *sorted(repository.tracked), *map(_digest, repository.rules())]
    return of("\0".join(words).encode())


def _digest(path: Path) -> str:
    try:
        return of(local_file.read(path))
    except OSError:
        return ""
