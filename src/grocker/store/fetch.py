"""Files from elsewhere, each fetched once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from grocker.digest import Digest
from grocker.progress import Progress
from grocker.store.store import Store

if TYPE_CHECKING:
    from grocker.web import Transport


def fetch(
    store: Store, transport: Transport, url: str, *, digest: Digest, size: int | None, what: str, progress: Progress
) -> Path:
    """The file of that digest: the kept one, else fetched from ``url``, verified and kept.

    ``size`` in bytes when known; ``what`` names the file for people ("numpy 2.1").
    Raises CorruptError when the file is not what was announced, UnavailableError when it cannot be had.
    """
    kept = store.download(digest)
    if kept is not None:
        return kept
    with store.lock("download-" + digest[7:23]):
        kept = store.download(digest)
        if kept is not None:
            return kept
        action = f"fetching {what}"
        with progress.task(action, size) as task, transport.open("GET", url, action=action) as response:

            def counted() -> Iterator[bytes]:
                for chunk in response.chunks():
                    task.advance(len(chunk))
                    yield chunk

            return store.keep_download(counted(), digest=digest, size=size, what=what)
