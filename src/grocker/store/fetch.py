"""Files from URLs, each fetched once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from grocker import digest as digests
from grocker.digest import Digest
from grocker.errors import MissingError
from grocker.progress import Progress
from grocker.store.store import Store

if TYPE_CHECKING:
    from grocker.web import Transport


def fetch(
    store: Store,
    transport: Transport,
    url: str,
    *,
    digest: Digest,
    size: int | None,
    what: str,
    progress: Progress,
    headers: Mapping[str, str] | None = None,
) -> Path:
    """Return the file with that digest: from the store, else from ``url`` (http, https, file), verified and kept.

    ``size`` in bytes when known; ``what`` names the file for people ("numpy 2.1"). ``headers``: of the
    request. A kept file is hashed before it is returned: the caller is about to unpack it, which costs far more; a
    damaged one is fetched again.
    Raises CorruptError when the file does not match, UnavailableError when it cannot be fetched, MissingError when a
    file of this host is gone or changed.
    """
    fetch_anew = partial(
        _fetch, store, transport, url, digest=digest, size=size, what=what, progress=progress, headers=headers
    )
    if store.download(digest) is None:
        with store.lock("download-" + digest[7:23]):
            if store.download(digest) is None:
                return fetch_anew()
    kept = store.sound_download(digest)
    if kept is not None:
        return kept
    progress.warn(
        f"the cached file of {what} is damaged; fetching it again",
        "if this recurs, check the disk under GROCKER_CACHE",
    )
    return fetch_anew()


def _fetch(
    store: Store,
    transport: Transport,
    url: str,
    *,
    digest: Digest,
    size: int | None,
    what: str,
    progress: Progress,
    headers: Mapping[str, str] | None,
) -> Path:
    action = f"fetching {what}"
    if url.startswith("file:"):
        return _take(store, url, digest=digest, action=action)
    with progress.task(action, size) as task, transport.open("GET", url, action=action, headers=headers) as response:

        def counted() -> Iterator[bytes]:
            for chunk in response.chunks():
                task.advance(len(chunk))
                yield chunk

        return store.keep_download(counted(), digest=digest, size=size, what=what)


def _take(store: Store, url: str, *, digest: Digest, action: str) -> Path:
    """Copy a local file, such as one from a directory of wheels: it could change while a build reads it."""
    from urllib.parse import unquote, urlsplit

    path = Path(unquote(urlsplit(url).path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingError(
            f"{action}: {path}: {error.strerror}", hint="restore the file, or resolve again: --refresh"
        ) from error
    if digests.of(data) != digest:
        raise MissingError(
            f"{action}: {path} changed since it was resolved",
            hint="resolve again: --refresh; with a lock, grocker lock --upgrade",
        )
    return store.keep_download([data], digest=digest, size=len(data), what=path.name)
