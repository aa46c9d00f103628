"""Evidence that a file is as it was when an image was written to it: its ``stat``.

A build in which nothing changed imports this module: it imports ``os`` alone.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def file_stat(path: str) -> list[int]:
    """Size in bytes, mtime and ctime in nanoseconds, inode and mode of a file or directory; empty when there is none.

    The owner of a file can set its mtime back, but nobody can set a ctime.
    """
    try:
        found = os.stat(path)
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_mode]


def of_file(place: str, path: str) -> tuple[str, ...]:
    """The evidence of a file of ``place``, a word of ``places.PLACES``."""
    path = os.path.abspath(path)
    return (place, path, *map(str, file_stat(path)))


def is_still_there(evidence: Sequence[str], environ: Mapping[str, str]) -> bool:
    """See ``places.is_still_there``."""
    _, path, *found = evidence
    return bool(found) and [str(number) for number in file_stat(path)] == found
