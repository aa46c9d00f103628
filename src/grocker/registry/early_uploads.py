"""Uploads that are opened while an image is still being made, for the blobs that it will differ by.

An upload takes two requests, and only the second one needs the blob. To open an upload while layers are made saves one
round trip after the last of them.
Source: OCI distribution specification 1.1, Push ("Single POST then PUT").
"""

from __future__ import annotations

from functools import partial

from grocker import background
from grocker.errors import GrockerError
from grocker.registry.session import STORED, RepositorySession

EXPECTED = 2
"""blobs that a rebuild sends: the application's layer, and the configuration"""
_ACTION = "opening an upload"


def begin(session: RepositorySession) -> None:
    """Start to open the uploads that a rebuild needs. Returns at once; what fails is opened again when it is needed."""
    for _ in range(EXPECTED):
        opened = background.start(partial(open_upload, session, _ACTION, attempts=1), "early upload")
        session.early_uploads.append(opened)


def take(session: RepositorySession) -> str | None:
    """Return where to send a blob; None if no early upload is left, or it could not be opened."""
    try:
        opened = session.early_uploads.popleft()
    except IndexError:
        return None
    # Another question would be answered later.
    return opened.result() if opened.exception() is None else None


def discard(session: RepositorySession) -> None:
    """Cancel the uploads that nothing needed. A registry that cannot do that forgets them some day."""
    while session.early_uploads:
        target = take(session)
        if target is not None:
            try:
                session.send("DELETE", target, action=_ACTION, accept=STORED, attempts=1).close()
            except GrockerError:
                pass


def abandon(session: RepositorySession) -> None:
    """Cancel the uploads that are open, for a build that failed; waits for none that is not."""
    ready = [opened for opened in session.early_uploads if opened.done()]
    session.early_uploads.clear()
    session.early_uploads.extend(ready)
    discard(session)


def open_upload(session: RepositorySession, action: str, attempts: int | None = None) -> str:
    """Open an upload and return where to send the blob. ``attempts`` as for ``Transport.open``."""
    url = session.url("blobs/uploads/")
    with session.send("POST", url, action=action, accept=STORED, body=b"", size=0, attempts=attempts) as response:
        return session.upload_location(response, url, action)
