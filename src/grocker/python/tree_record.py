"""A source tree as it was read, and what shows that it is still the same.

Unchanged files are not read again; and as long as nothing but the content of files changed, nobody needs to find out
again which files count: one sweep of ``stat`` tells.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grocker.python.git import has_git
from grocker.tar.keys import cache_key

if TYPE_CHECKING:
    from grocker.python.git import Repository
    from grocker.python.named_paths import NamedPaths

FORMAT = 1
"""Part of what ``describe`` returns: increased when other files of the same tree count."""
RULES = ".gitignore"

_MOST = 50
"""files and directories that are looked at again in each build; when more have changed, the record is written anew"""
_MOST_BYTES = 4 << 20
"""of such files, likewise"""
Stat = tuple[int, int, int, int, int]
"""bytes, mtime and ctime in nanoseconds, inode, mode"""
UNKNOWN: Stat = (-1, 0, 0, 0, 0)
"""the values of no file"""
_RACY = 2_000_000_000
"""nanoseconds: the coarsest timestamps of a file system in use (FAT)"""


class LeftOut(msgspec.Struct, frozen=True):
    """Something in the directory that does not count."""

    path: str
    """relative to the project"""
    why: str
    """the reason, as a clause"""
    is_missed: bool = False
    """whether the application may well need it"""


class FileRow(msgspec.Struct, frozen=True, array_like=True):
    """A regular file that counts."""

    path: str
    """relative to the root"""
    digest: str
    """sha256 of the bytes, hexadecimal"""
    stat: Stat

    @property
    def is_executable(self) -> bool:
        """Whether its owner may run it."""
        return bool(self.stat[-1] & 0o100)


class DirectoryRow(msgspec.Struct, frozen=True, array_like=True):
    """A directory whose content matters, be it that it does not count because of it."""

    path: str
    """relative to the project"""
    listing: str
    """``list_digest`` of its entries; empty if nobody looked into it"""
    stat: Stat
    """before it was listed"""


class TreeRecord(msgspec.Struct, frozen=True, array_like=True):
    """See the module. Of links there is nothing in it."""

    files: tuple[FileRow, ...] = ()
    """sorted by path"""
    directories: tuple[DirectoryRow, ...] = ()
    """those whose content decides which files count"""
    left_out: tuple[LeftOut, ...] = ()
    circumstances: str = ""
    """digest of what else decides which files count; empty if not all of that is known"""
    state: dict[str, Stat] = {}
    """of git's own files, by absolute path"""
    shape: str = ""
    """see ``SourceTree.shape``"""
    git_state: str = ""
    """see ``SourceTree.git_state``"""

    def encode(self) -> bytes:
        """Encode it; without files whose path is no text."""
        try:
            return msgspec.msgpack.encode(self)
        except UnicodeEncodeError:
            return msgspec.msgpack.encode(TreeRecord(tuple(filter(_is_text, self.files))))

    @classmethod
    def decode(cls, data: bytes) -> TreeRecord:
        """Decode what ``encode`` returned; empty if it is damaged."""
        try:
            return msgspec.msgpack.decode(data, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return cls()

    def hashes(self) -> dict[str, tuple[Stat, str]]:
        """Return the ``stat`` values and hashes of files, by path."""
        return {row.path: (row.stat, row.digest) for row in self.files}

    def reread(self, root: Path) -> list[FileRow] | None:
        """Return the files as they are now; None if others may count, or too many have changed.

        ``circumstances`` and ``state`` are for the caller to compare.
        """
        try:
            with _opened(root) as place:
                changed = sum(not _is_same(root, place, row) for row in self.directories)
                return None if changed > _MOST else self._read_files(root, place, _MOST - changed)
        except (OSError, _OtherFilesError):
            return None

    def _read_files(self, root: Path, place: int, most: int) -> list[FileRow] | None:
        found: list[FileRow] = []
        size = 0
        stat = os.stat
        for row in self.files:
            about = stat(row.path, dir_fd=place, follow_symlinks=False)
            seen = (about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino, about.st_mode)
            if seen != row.stat:
                most -= 1
                size += about.st_size
                is_rule = row.path.rpartition("/")[2] == RULES
                if most < 0 or size > _MOST_BYTES or is_rule or about.st_mode != row.stat[-1]:
                    return None
                row = FileRow(row.path, hash_file(root / row.path), seen)
            found.append(row)
        return found


def is_outdated(record: TreeRecord, rows: Sequence[FileRow], hashed: Sequence[int]) -> bool:
    """Tell whether a record of ``rows`` saves more than writing it costs.

    ``hashed``: bytes of the files that ``record`` did not know as they are now.
    """
    return len(rows) != len(record.files) or len(hashed) > _MOST or sum(hashed) > _MOST_BYTES


def _is_text(row: FileRow) -> bool:
    try:
        row.path.encode()
    except UnicodeEncodeError:
        return False
    return True


class _OtherFilesError(Exception):
    """A directory has other entries."""


def _is_same(root: Path, place: int, row: DirectoryRow) -> bool:
    """Tell whether a directory did not change at all. Raises OSError, and _OtherFilesError if it has other entries."""
    if stat_values(os.stat(row.path or ".", dir_fd=place, follow_symlinks=False)) == row.stat:
        return True
    with os.scandir(root / row.path) as entries:
        if not row.listing or list_digest(entries) != row.listing:
            raise _OtherFilesError
    return False


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield place
    finally:
        os.close(place)


def describe(repository: Repository | None, named: NamedPaths, exclude: Sequence[str]) -> str:
    """Return a digest of what is given and configured, and of where git's repository is."""
    where = [str(repository.top), str(repository.directory), has_git()] if repository is not None else []
    words = [list(exclude), sorted(named.paths), named.patterns, named.text, where]
    return cache_key("source tree", FORMAT, repr(words))


def read_state(root: Path, repository: Repository | None, unlisted: Iterable[str] = ()) -> dict[str, Stat]:
    """Return the ``stat`` values of git's own files, and of the rules in directories that nobody looked into.

    A file that is not there has the values UNKNOWN.
    """
    files = [*(repository.state_files() if repository is not None else ())]
    files += [root / path / RULES for path in unlisted]
    return {str(path): find_stat(path) for path in files}


def unlisted(directories: Iterable[DirectoryRow]) -> list[str]:
    """Return the paths of the directories that nobody looked into."""
    return [row.path for row in directories if not row.listing]


def stat_values(about: os.stat_result) -> Stat:
    """Return the values that change with each change. The owner of a file can set its mtime back, but not its ctime."""
    return (about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino, about.st_mode)


def settled(stat: Stat, now: int) -> Stat:
    """Return ``stat``, or no file's with its mode if a later change may not show in it.

    ``now``: nanoseconds since the epoch.

    As in git's index, what changed less than two seconds before it was read is not trusted ("racy clean"): it could
    change again within the same tick of the clock.
    """
    return stat if max(stat[1], stat[2]) + _RACY < now else (*UNKNOWN[:-1], stat[-1])


def list_digest(entries: Iterable[os.DirEntry[str]]) -> str:
    """Return a digest of names, and of which are directories or links."""
    lines = sorted(
        f"{'l' if one.is_symlink() else 'd' if one.is_dir(follow_symlinks=False) else 'f'}{one.name}" for one in entries
    )
    return hashlib.sha256("\0".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def find_stat(path: Path | str) -> Stat:
    """Return the values of a file or directory; UNKNOWN if it is not there."""
    try:
        return stat_values(os.stat(path))
    except OSError:
        return UNKNOWN


def hash_file(path: Path | str) -> str:
    """Return the sha256 of a file, hexadecimal. Raises OSError."""
    with open(path, "rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
