"""One blob on its way to a repository: there already, mounted from another one, or sent.

Source: OCI distribution specification 1.1, Push ("Pushing blobs", "Mounting a blob from another repository").
"""

from __future__ import annotations

import io
from enum import Enum
from typing import BinaryIO
from urllib.parse import urlencode

import msgspec

from grocker.digest import Digest, Hashing
from grocker.errors import CorruptError, GrockerError, UnavailableError
from grocker.oci import Blobs
from grocker.oci.blobs import damaged
from grocker.oci.image import Document, Layer
from grocker.progress import Task
from grocker.registry.mount_candidates import MountCandidates
from grocker.registry.session import RepositorySession
from grocker.web import HttpError, HttpTryAgainError, Response, Stream

_SMALL = 1 << 16  # bytes
_REFUSES_WHOLE = frozenset({405, 411, 413, 501})


class Fate(Enum):
    """What became of a blob."""

    PRESENT = "there already"
    MOUNTED = "mounted"
    SENT = "sent"


class Cancellation:
    """Tells the other uploads that there is no use in going on."""

    is_set = False


class _Reading:
    """A blob's stream that reports what is read of it, also when it is read again."""

    def __init__(self, stream: BinaryIO, task: Task, cancellation: Cancellation) -> None:
        self._stream = stream
        self._task = task
        self._cancellation = cancellation
        self._reported = 0

    def read(self, size: int = -1) -> bytes:
        if self._cancellation.is_set:
            raise ConnectionAbortedError("another upload failed")
        data = self._stream.read(size)
        position = self._stream.tell()
        if position > self._reported:
            self._task.advance(position - self._reported)
            self._reported = position
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True


def push_layer(
    session: RepositorySession,
    layer: Layer,
    blobs: Blobs,
    candidates: MountCandidates,
    task: Task,
    cancellation: Cancellation,
    *,
    likely: bool,
) -> Fate:
    """Bring a layer there; its bytes are opened when they must be sent. ``likely``: whether it may be there already."""
    action = f"pushing layer {short_digest(layer.digest)} ({layer.title}) to {session.reference.name}"
    found = _found(session, layer.digest, layer.size, candidates, action, cancellation, likely=likely)
    if found.fate is not Fate.SENT:
        task.advance(layer.size)
        return found.fate
    with blobs.open(layer.digest) as stream:
        if stream.seek(0, 2) != layer.size:
            raise damaged(layer.digest, layer.title, blobs)
        try:
            _upload(
                session, layer.digest, layer.size, _Reading(stream, task, cancellation), action, cancellation, found
            )
        except CorruptError as error:
            # The bytes are not hashed on their way, because the registry does that; whose fault it is, is seen here.
            if _sound(stream, layer):
                raise
            raise damaged(layer.digest, layer.title, blobs) from error
    return Fate.SENT


def push_config(
    session: RepositorySession,
    config: Document,
    candidates: MountCandidates,
    cancellation: Cancellation,
    *,
    likely: bool,
) -> Fate:
    """Bring a configuration there; ``likely`` as in ``layer``."""
    action = f"pushing the configuration {short_digest(config.digest)} to {session.reference.name}"
    found = _found(session, config.digest, len(config.data), candidates, action, cancellation, likely=likely)
    if found.fate is Fate.SENT:
        _upload(session, config.digest, len(config.data), io.BytesIO(config.data), action, cancellation, found)
    return found.fate


def check_stored(said: str | None, digest: str, session: RepositorySession, action: str) -> None:
    """CorruptError when a registry says that it has stored something else."""
    if said is not None and said != digest:
        raise CorruptError(
            f"{action}: {session.reference.registry} says that it stored {said}",
            hint="bytes were changed on their way, or the registry is broken; try again",
        )


def short_digest(digest: str) -> str:
    """A digest as people recognise it: the algorithm and twelve digits."""
    return digest[:19]


def _sound(stream: BinaryIO, layer: Layer) -> bool:
    stream.seek(0)
    hashing = Hashing()
    for _ in hashing.through(iter(lambda: stream.read(1 << 20), b"")):
        pass
    return hashing.digest() == layer.digest


class _Found(msgspec.Struct, frozen=True):
    """What must be done with a blob."""

    fate: Fate
    begun: str | None = None
    """where an upload was begun already"""
    other_size: bool = False
    """whether the registry says that it has the blob with another size"""


def _found(
    session: RepositorySession,
    digest: Digest,
    size: int,
    candidates: MountCandidates,
    action: str,
    cancellation: Cancellation,
    *,
    likely: bool,
) -> _Found:
    if cancellation.is_set:
        return _Found(Fate.PRESENT)
    # To send a small one takes no longer than to ask for it.
    there = _there(session, digest, action) if likely or size > _SMALL else None
    if there is not None:
        # Cut short there by a disk, say: it is sent again, and the registry hashes it.
        return _Found(Fate.PRESENT) if there in (size, -1) else _Found(Fate.SENT, other_size=True)
    source = candidates.find(session.reference.registry, session.reference.path, digest)
    return _Found(Fate.SENT) if source is None else _mounted(session, digest, source, action)


def _there(session: RepositorySession, digest: str, action: str) -> int | None:
    """The size that the registry says the blob has, -1 when it does not say; None when the blob is not there."""
    with session.send("HEAD", session.url(f"blobs/{digest}"), action=action, accept=(200, 404)) as response:
        if response.status == 404:
            return None
        said = response.headers.get("Docker-Content-Digest")
        if said is not None and said.startswith("sha256:") and said != digest:
            raise CorruptError(
                f"{action}: asked for {short_digest(digest)}, {session.reference.registry} has {said}",
                hint="the registry, or a proxy before it, is broken",
            )
        # Some proxies drop Content-Length from answers to HEAD.
        size = response.headers.get("Content-Length", "")
        return int(size) if size.isdigit() else -1


def _mounted(session: RepositorySession, digest: str, source: str, action: str) -> _Found:
    """Ask for the blob out of the repository ``source``; a registry that will not do it may begin an upload instead."""
    url = session.url("blobs/uploads/") + "?" + urlencode({"mount": digest, "from": source})
    try:
        response = session.send(
            "POST", url, action=action, accept=(201, 202), body=b"", size=0, attempts=1, reading=(source,)
        )
    except GrockerError:
        # Whoever may not read the other repository may well write to this one: the plain upload tells.
        return _Found(Fate.SENT)
    with response:
        if response.status == 202:
            return _Found(Fate.SENT, session.upload_location(response, url, action))
        check_stored(response.headers.get("Docker-Content-Digest"), digest, session, action)
        return _Found(Fate.MOUNTED)


def _upload(
    session: RepositorySession,
    digest: str,
    size: int,
    stream: Stream,
    action: str,
    cancellation: Cancellation,
    found: _Found,
) -> None:
    """Send one blob, each attempt as an upload of its own: what a cut one has left in the registry is unknown."""
    target = found.begun
    whole = session.sends_whole
    attempt = 1
    while True:
        stream.seek(0)
        try:
            if whole:
                _send_whole(session, digest, size, stream, action, target or _begin(session, action))
            else:
                _send_parts(session, digest, size, stream, action, _begin(session, action))
            break
        except UnavailableError as error:
            if whole and isinstance(error, HttpError) and error.status_code in _REFUSES_WHOLE:
                whole = False
                continue
            if cancellation.is_set or not session.transport.pause(attempt, error):
                raise
        except HttpTryAgainError as error:
            if cancellation.is_set or not session.transport.pause(attempt, error):
                raise
        finally:
            target = None
        attempt += 1
    if found.other_size and (now := _there(session, digest, action)) not in (size, -1):
        raise CorruptError(
            f"{action}: {session.reference.registry} says that it has {'no' if now is None else now} bytes of it; "
            f"it has {size}, and all were sent",
            hint="the registry, or a proxy before it, is broken",
        )


def _begin(session: RepositorySession, action: str) -> str:
    url = session.url("blobs/uploads/")
    with session.send("POST", url, action=action, accept=(202,), body=b"", size=0) as response:
        return session.upload_location(response, url, action)


def _send_whole(session: RepositorySession, digest: str, size: int, stream: Stream, action: str, target: str) -> None:
    with session.send(
        "PUT",
        _with_digest(target, digest),
        action=action,
        accept=(201, 204),
        headers={"Content-Type": "application/octet-stream"},
        body=stream,
        size=size,
        attempts=1,
    ) as response:
        check_stored(response.headers.get("Docker-Content-Digest"), digest, session, action)


def _send_parts(session: RepositorySession, digest: str, size: int, stream: Stream, action: str, target: str) -> None:
    done = 0
    while done < size:
        part = stream.read(session.part_size)
        if not part:
            raise CorruptError(f"{action}: the cached blob has {done} bytes instead of {size}", hint="build again")
        with session.send(
            "PATCH",
            target,
            action=action,
            accept=(202, 204),
            headers={"Content-Type": "application/octet-stream", "Content-Range": f"{done}-{done + len(part) - 1}"},
            body=part,
            size=len(part),
            attempts=1,
        ) as response:
            done += len(part)
            _counted(response, done, session, action)
            target = session.upload_location(response, target, action)
    with session.send(
        "PUT", _with_digest(target, digest), action=action, accept=(201, 204), body=b"", size=0, attempts=1
    ) as response:
        check_stored(response.headers.get("Docker-Content-Digest"), digest, session, action)


def _counted(response: Response, done: int, session: RepositorySession, action: str) -> None:
    """CorruptError when a registry says that it has fewer or more bytes than it was sent."""
    said = response.headers.get("Range", "").removeprefix("bytes=").partition("-")[2]
    if said.isdigit() and int(said) != done - 1:
        raise CorruptError(
            f"{action}: {session.reference.registry} says that it has {int(said) + 1} bytes of the {done} sent",
            hint="bytes were lost on their way, or the registry is broken; try again",
        )


def _with_digest(url: str, digest: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}digest={digest.replace(':', '%3A')}"
