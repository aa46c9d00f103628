"""The ``Contents`` index of a suite: which package has a file. Read for an error message alone.

Source: wiki.debian.org/DebianRepository/Format, "Contents" indices.
"""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from msgspec.structs import replace

from grocker.debian.archives import DebianArchive
from grocker.debian.packages import fetch_index
from grocker.errors import CorruptError

if TYPE_CHECKING:
    from grocker.progress import Progress
    from grocker.store import Store
    from grocker.web import Transport

_HEADERS = (b"usr/include/", b"usr/lib/")


def find_header_packages(
    archive: DebianArchive, header: str, *, store: Store, transport: Transport, progress: Progress
) -> tuple[str, ...]:
    """Return the packages that install a header, as it stands in ``#include``, sorted; of the release without updates.

    Raises CorruptError for a damaged index, UnavailableError when it cannot be fetched.
    """
    # By its name: not every mirror has these by hash.
    release = replace(archive.releases[0], by_hash=False)
    file = release.files.get(f"main/Contents-{archive.architecture}.gz")
    if file is None:
        return ()
    mirror = archive.addresses[release.suite]
    path = fetch_index(release, file, mirror=mirror, store=store, transport=transport, progress=progress)
    try:
        with gzip.open(path) as lines:
            return tuple(sorted(_owners(lines, f"/{header}".encode())))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise CorruptError(
            f"reading {release.suite}/{file.path}: {error}", hint="use another mirror: its index is damaged"
        ) from error


def _owners(lines: gzip.GzipFile, end: bytes) -> set[str]:
    found: set[str] = set()
    for line in lines:
        path, _, packages = line.rstrip().rpartition(b" ")
        path = path.rstrip()
        if path.endswith(end) and path.startswith(_HEADERS):
            found |= {one.rpartition("/")[2] for one in packages.decode("ascii").split(",")}
    return found
