"""Push one blob to a repository, unless it is present or can be mounted from another repository.

Source: OCI distribution specification 1.1, Push ("Pushing blobs", "Mounting a blob from another repository").
"""

from __future__ import annotations

import io
import re
from enum import Enum
from typing import BinaryIO
from urllib.parse import urlencode

import msgspec

from grocker.digest import Digest, Hashing
from grocker.errors import CorruptError, GrockerError, UnavailableError
from grocker.oci import Blobs
from grocker.oci.image import Document, Layer
from grocker.progress import Task
from grocker.registry import early_uploads
from grocker.registry.mount_candidates import MountCandidates
from grocker.registry.refusal import LOOK_UP_REFUSALS, LoginRefusedError, RefusedPushError
from grocker.registry.session import STORED, RepositorySession
from grocker.web import BodyStream, HttpResponse, HttpTryAgainError

_SMALL = 1 << 16  # bytes
_EARLY = 1 << 20
"""bytes of a blob at most that is sent to an upload opened early: it may have expired, and then they are sent twice"""
_REFUSES_WHOLE = frozenset({405, 411, 413, 501})


class Fate(Enum):
    """What became of a blob."""

    PRESENT = "present"
    MOUNTED = "mounted"
    SENT = "sent"


class Cancellation:
    """Tells running uploads to stop, because another one failed."""

    is_set = False


class _Reading:
    """A blob's stream that reports progress, each byte once even if it is read again."""

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
    """Push a layer; its bytes are opened only if they must be sent. ``likely``: whether it may be present."""
    from grocker.oci.blobs import damaged

    action = f"pushing layer {short_digest(layer.digest)} ({layer.title}) to {session.reference.name}"
    found = _find(session, layer.digest, layer.size, candidates, action, cancellation, likely=likely)
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
            # The registry hashes the bytes; only after it complains does it matter whether they were damaged here.
            if _is_sound(stream, layer):
                raise
            raise damaged(layer.digest, layer.title, blobs) from error
    return Fate.SENT


def push_document(
    session: RepositorySession,
    document: Document,
    what: str,
    candidates: MountCandidates,
    cancellation: Cancellation,
    *,
    likely: bool,
) -> Fate:
    """Push a blob that is in memory. ``what`` names it for people; ``likely`` as in ``push_layer``."""
    action = f"pushing {what} {short_digest(document.digest)} to {session.reference.name}"
    size = len(document.data)
    found = _find(session, document.digest, size, candidates, action, cancellation, likely=likely)
    if found.fate is Fate.SENT:
        _upload(session, document.digest, size, io.BytesIO(document.data), action, cancellation, found)
    return found.fate


def check_stored(said: str | None, digest: str, session: RepositorySession, action: str) -> None:
    """Raise CorruptError when a registry reports that it stored something else."""
    if said is not None and said != digest:
        raise CorruptError(
            f"{action}: {session.reference.registry} reports that it stored {said}",
            hint="the content was changed in transit, or the registry is faulty; try again",
        )


def short_digest(digest: str) -> str:
    """Shorten a digest for people: the algorithm and twelve digits."""
    return digest[:19]


def _is_sound(stream: BinaryIO, layer: Layer) -> bool:
    stream.seek(0)
    hashing = Hashing()
    for _ in hashing.through(iter(lambda: stream.read(1 << 20), b"")):
        pass
    return hashing.digest() == layer.digest


class _Finding(msgspec.Struct, frozen=True):
    """What to do with a blob."""

    fate: Fate
    started: str | None = None
    """where an upload was started already"""
    other_size: bool = False
    """whether the registry reports another size for the blob"""


def _find(
    session: RepositorySession,
    digest: Digest,
    size: int,
    candidates: MountCandidates,
    action: str,
    cancellation: Cancellation,
    *,
    likely: bool,
) -> _Finding:
    if cancellation.is_set:
        return _Finding(Fate.PRESENT)
    # Sending a small blob takes no longer than asking for it.
    there = _ask_size(session, digest, size, action) if likely or size > _SMALL else None
    if there is not None:
        # Truncated there, for example by a full disk: it is sent again, and the registry hashes it.
        return _Finding(Fate.PRESENT) if there in (size, -1) else _Finding(Fate.SENT, other_size=True)
    source = candidates.find(session.reference.registry, session.reference.path, digest)
    return _Finding(Fate.SENT) if source is None else _mount(session, digest, size, source, action)


def _ask_size(
    session: RepositorySession, digest: str, size: int, action: str, attempts: int | None = None
) -> int | None:
    """Ask for the blob's size in the repository: -1 when the registry does not say, None when the blob is missing.

    It also counts as missing when the registry does not let anybody ask. ``size``: what it should be, in bytes.
    """
    url = session.url(f"blobs/{digest}")
    try:
        response = session.send("HEAD", url, action=action, accept=(200, 404), attempts=attempts)
    except LoginRefusedError:
        raise
    except LOOK_UP_REFUSALS:
        return None
    with response:
        if response.status == 404:
            return None
        said = response.headers.get("Docker-Content-Digest")
        if said is not None and said.startswith("sha256:") and said != digest:
            raise CorruptError(
                f"{action}: asked for {short_digest(digest)}, but {session.reference.registry} answers for {said}",
                hint="check the registry, and any proxy in front of it",
            )
        there = _content_length(response, size)
    if there in (size, -1):
        return there
    # Only the answer to a GET has the length that counts: it frames the body, which is not read here.
    try:
        with session.send("GET", url, action=action, accept=(200, 404), attempts=attempts) as response:
            return None if response.status == 404 else _content_length(response, size)
    except GrockerError:
        return there


def _content_length(response: HttpResponse, size: int) -> int:
    """Read the length of a blob of ``size`` bytes from an answer; -1 when the answer does not say.

    Proxies drop it from answers to HEAD, write 0, or give the length of what they would compress.
    """
    said = response.headers.get("Content-Length", "")
    is_compressed = response.headers.get("Content-Encoding", "identity").lower() != "identity"
    if not re.fullmatch(r"[0-9]{1,18}", said) or is_compressed or (int(said) == 0 and size > 0):
        return -1
    return int(said)


def _mount(session: RepositorySession, digest: str, size: int, source: str, action: str) -> _Finding:
    """Mount the blob from the repository ``source``; a registry that refuses may start an upload instead."""
    url = session.url("blobs/uploads/") + "?" + urlencode({"mount": digest, "from": source})
    try:
        response = session.send(
            "POST", url, action=action, accept=(201, 202), body=b"", size=0, attempts=1, reading=(source,), stores=size
        )
    except GrockerError:
        # Who may not read the other repository may still write to this one: the plain upload tells.
        return _Finding(Fate.SENT)
    with response:
        if response.status == 202:
            return _Finding(Fate.SENT, session.upload_location(response, url, action))
        check_stored(response.headers.get("Docker-Content-Digest"), digest, session, action)
        return _Finding(Fate.MOUNTED)


def _upload(
    session: RepositorySession,
    digest: Digest,
    size: int,
    stream: BodyStream,
    action: str,
    cancellation: Cancellation,
    found: _Finding,
) -> None:
    """Send one blob, each attempt as a new upload: what an interrupted one left in the registry is unknown.

    Before another attempt the registry is asked for the blob: it may have stored it without its answer arriving.
    """
    target = found.started
    whole = session.sends_whole
    attempt = 1
    is_sent = whole and target is None and size <= _EARLY and _send_early(session, digest, size, stream, action)
    while not is_sent:
        stream.seek(0)
        try:
            if whole:
                _send_whole(session, digest, size, stream, action, target or early_uploads.open_upload(session, action))
            else:
                _send_parts(session, digest, size, stream, action, early_uploads.open_upload(session, action))
            is_sent = True
        except RefusedPushError as error:
            if not whole or error.status_code not in _REFUSES_WHOLE:
                raise
            whole = False
            continue
        except UnavailableError as error:
            is_last = cancellation.is_set or not session.transport.pause(attempt, error)
            if not found.other_size and not cancellation.is_set and _has_arrived(session, digest, size, action):
                return
            if is_last:
                raise
        except HttpTryAgainError as error:
            if cancellation.is_set or not session.transport.pause(attempt, error):
                raise
        finally:
            target = None
        attempt += 1
    if found.other_size and (now := _ask_size(session, digest, size, action)) not in (size, -1):
        raise CorruptError(
            f"{action}: {session.reference.registry} reports {'no' if now is None else now} bytes, "
            f"although all {size} were sent",
            hint="check the registry, and any proxy in front of it",
        )


def _has_arrived(session: RepositorySession, digest: Digest, size: int, action: str) -> bool:
    """Whether the registry has the blob, although an upload of it failed; False when it cannot be asked."""
    try:
        return _ask_size(session, digest, size, action, attempts=1) in (size, -1)
    except GrockerError:
        return False


def _send_early(session: RepositorySession, digest: str, size: int, stream: BodyStream, action: str) -> bool:
    """Send the blob to an upload that was opened early, if there is one; return whether it was stored."""
    target = early_uploads.take(session)
    if target is None:
        return False
    stream.seek(0)
    try:
        _send_whole(session, digest, size, stream, action, target)
    except GrockerError:
        return False  # a new upload tells whether anything but its age was wrong with this one
    return True


def _send_whole(
    session: RepositorySession, digest: str, size: int, stream: BodyStream, action: str, target: str
) -> None:
    with session.send(
        "PUT",
        _with_digest(target, digest),
        action=action,
        accept=STORED,
        headers={"Content-Type": "application/octet-stream"},
        body=stream,
        size=size,
        attempts=1,
        stores=size,
    ) as response:
        check_stored(response.headers.get("Docker-Content-Digest"), digest, session, action)


def _send_parts(
    session: RepositorySession, digest: str, size: int, stream: BodyStream, action: str, target: str
) -> None:
    done = 0
    while done < size:
        part = stream.read(session.part_size)
        if not part:
            raise CorruptError(f"{action}: the cached blob is truncated: {done} of {size} bytes", hint="build again")
        with session.send(
            "PATCH",
            target,
            action=action,
            accept=STORED,
            headers={"Content-Type": "application/octet-stream", "Content-Range": f"{done}-{done + len(part) - 1}"},
            body=part,
            size=len(part),
            attempts=1,
            stores=len(part),
        ) as response:
            done += len(part)
            _check_range(response, done, session, action)
            target = session.upload_location(response, target, action)
    with session.send(
        "PUT",
        _with_digest(target, digest),
        action=action,
        accept=STORED,
        body=b"",
        size=0,
        attempts=1,
        stores=size,
    ) as response:
        check_stored(response.headers.get("Docker-Content-Digest"), digest, session, action)


def _check_range(response: HttpResponse, done: int, session: RepositorySession, action: str) -> None:
    """Raise CorruptError when a registry reports fewer or more bytes than were sent."""
    said = response.headers.get("Range", "").removeprefix("bytes=").partition("-")[2]
    if re.fullmatch(r"[0-9]{1,18}", said) and int(said) != done - 1:
        raise CorruptError(
            f"{action}: {session.reference.registry} reports {int(said) + 1} bytes, but {done} were sent",
            hint="bytes were lost in transit, or the registry is faulty; try again",
        )


def _with_digest(url: str, digest: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}digest={digest.replace(':', '%3A')}"
