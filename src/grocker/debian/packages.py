"""The ``Packages`` index of a suite: downloaded once, then read from the store by its hash.

Source: Debian Policy 5.3; wiki.debian.org/DebianRepository/Format, "Packages" indices.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from grocker import digest as digests
from grocker.debian.deb_formats import XZ_MEMORY
from grocker.debian.index import PackageIndex
from grocker.debian.release import IndexFile, Release
from grocker.errors import CorruptError, MissingError
from grocker.progress import Progress

if TYPE_CHECKING:
    from grocker.store import Store
    from grocker.web import Transport


def load(
    release: Release,
    component: str,
    architecture: str,
    *,
    mirror: str,
    store: Store,
    transport: Transport,
    progress: Progress,
) -> PackageIndex:
    """The index of one component and architecture, from the store or else from the archive at ``mirror``.

    Raises MissingError when the release has no such index, CorruptError when the index does not match the release.
    """
    plain = f"{component}/binary-{architecture}/Packages"
    # gzip before xz: a third more to download, once, and a second less of CPU time per parse.
    chosen = next((f for f in (release.files.get(plain + end) for end in (".gz", ".xz", "")) if f is not None), None)
    if chosen is None:
        raise MissingError(
            f"suite {release.suite} has no packages for {architecture} in {component}",
            hint="available architectures: " + " ".join(release.architectures) if release.architectures else None,
        )
    file = fetch_index(release, chosen, mirror=mirror, store=store, transport=transport, progress=progress)
    try:
        return PackageIndex(release.suite, _decompress(chosen.path, file.read_bytes()))
    except (ValueError, EOFError) as error:
        raise CorruptError(
            f"reading {release.suite}/{chosen.path}: {error}", hint="use another mirror: its index is damaged"
        ) from error


def fetch_index(
    release: Release, file: IndexFile, *, mirror: str, store: Store, transport: Transport, progress: Progress
) -> Path:
    """An index of a release, from the store or else from the archive at ``mirror``. Raises as ``store.fetch``."""
    from grocker.store.fetch import fetch

    path = file.path
    if release.by_hash:
        path = f"{path.rpartition('/')[0]}/by-hash/SHA256/{digests.hexadecimal(file.sha256)}"
    return fetch(
        store,
        transport,
        f"{mirror}/dists/{release.suite}/{path}",
        digest=file.sha256,
        size=file.size,
        what=f"{release.suite} {file.path}",
        progress=progress,
    )


def _decompress(path: str, data: bytes) -> bytes | bytearray:
    if path.endswith(".xz"):
        import lzma

        try:
            return lzma.decompress(data, memlimit=XZ_MEMORY)
        except lzma.LZMAError as error:
            raise ValueError(f"not xz data: {error}") from error
    if path.endswith(".gz"):
        import gzip
        import zlib

        import deflate

        try:
            plain = deflate.gzip_decompress(data)
            # libdeflate reads one gzip member, in less than half of zlib's time; the last eight bytes give its size.
            if deflate.crc32(plain, 0) == int.from_bytes(data[-8:-4], "little"):
                return plain
        except (deflate.DeflateError, ValueError, MemoryError):  # it believes those eight bytes at once
            pass
        try:
            return gzip.decompress(data)
        except (OSError, zlib.error) as error:
            raise ValueError(f"not gzip data: {error}") from error
    return data
