"""Pushing an image: first what is missing of its blobs, several at once, then the manifest under each tag.

Source: OCI distribution specification 1.1, Push.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import BinaryIO

from grocker.digest import Hashing
from grocker.errors import CorruptError, UnavailableError
from grocker.oci import Blobs, Image, Reference
from grocker.oci.blobs import damaged
from grocker.oci.image import Document, Layer
from grocker.progress import Progress, Task
from grocker.registry.auth import Credentials
from grocker.registry.session import Session
from grocker.web import HttpError, HttpTryAgainError, Stream, Transport

AT_ONCE = 4
_PART = 16 << 20  # bytes of one request when a registry or a proxy before it refuses a whole blob
_REFUSES_WHOLE = frozenset({405, 411, 413, 501})


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did."""

    reference: Reference
    """with the manifest's digest"""
    sent_bytes: int
    sent_blobs: int
    present_blobs: int
    """blobs that the registry had"""
    new: bool
    """whether the manifest was sent under a name that did not have it"""


def push(
    transport: Transport,
    credentials: Credentials,
    image: Image,
    reference: Reference,
    blobs: Blobs,
    progress: Progress,
) -> Pushed:
    """Push the image to ``reference`` (its tag, else ``latest``).

    Raises DeniedError (401, 403), MissingError (404), TryAgainError (429), UnavailableError (5xx, no connection, cut),
    CorruptError (a blob in the cache, or the registry's answer, has another digest than it should).
    """
    session = Session(transport, reference, credentials)
    tag = reference.tag or "latest"
    named = replace(reference, tag=tag, digest=image.digest)
    count = len(image.layers) + 1
    if _tagged(session, image, tag, f"pushing to {reference}"):
        return Pushed(named, 0, 0, count, new=False)
    with progress.task(f"pushing to {reference}", sum(one.size for one in image.layers)) as task:
        sent = _blobs(session, image, blobs, task)
    _manifest(session, image, tag)
    return Pushed(named, sum(sent) + len(image.manifest.data), len(sent), count - len(sent), new=True)


def _tagged(session: Session, image: Image, tag: str, action: str) -> bool:
    """Whether the registry has the very image under that tag."""
    with session.send(
        "HEAD",
        session.url(f"manifests/{tag}"),
        action=action,
        headers={"Accept": image.manifest.descriptor.media_type},
        accept=(200, 404),
    ) as response:
        return response.status == 200 and response.headers.get("Docker-Content-Digest") == image.digest


def _blobs(session: Session, image: Image, blobs: Blobs, task: Task) -> list[int]:
    """Send what is missing; the sizes of what was sent. The first error ends it, and running uploads with it."""
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    stop = _Stop()
    unique = {one.digest: one for one in image.layers}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="push") as pool:
        jobs = [pool.submit(_layer, session, one, blobs, task, stop) for one in unique.values()]
        jobs.append(pool.submit(_config, session, image.config, stop))
        try:
            done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
            for job in done:
                job.result()
        except BaseException:
            stop.now = True
            for job in jobs:
                job.cancel()
            raise
        return [size for size in (job.result() for job in jobs) if size is not None]


class _Stop:
    """Tells the other uploads that there is no use in going on."""

    now = False


class _Reading:
    """A blob's stream that reports what is read of it, also when it is read again."""

    def __init__(self, stream: BinaryIO, task: Task, stop: _Stop) -> None:
        self._stream = stream
        self._task = task
        self._stop = stop
        self._reported = 0

    def read(self, size: int = -1) -> bytes:
        if self._stop.now:
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


def _layer(session: Session, layer: Layer, blobs: Blobs, task: Task, stop: _Stop) -> int | None:
    action = f"pushing layer {_short(layer.digest)} ({layer.title}) to {session.reference.name}"
    if stop.now or _there(session, layer.digest, layer.size, action):
        task.advance(layer.size)
        return None
    with blobs.open(layer.digest) as stream:
        if stream.seek(0, 2) != layer.size:
            raise damaged(layer.digest, layer.title, blobs)
        try:
            _upload(session, layer.digest, layer.size, _Reading(stream, task, stop), action, stop)
        except CorruptError as error:
            # The bytes are not hashed on their way, because the registry does that; whose fault it is, is seen here.
            if _sound(stream, layer):
                raise
            raise damaged(layer.digest, layer.title, blobs) from error
    return layer.size


def _sound(stream: BinaryIO, layer: Layer) -> bool:
    stream.seek(0)
    hashing = Hashing()
    for _ in hashing.through(iter(lambda: stream.read(1 << 20), b"")):
        pass
    return hashing.digest() == layer.digest


def _config(session: Session, config: Document, stop: _Stop) -> int | None:
    import io

    action = f"pushing the configuration {_short(config.digest)} to {session.reference.name}"
    if stop.now or _there(session, config.digest, len(config.data), action):
        return None
    _upload(session, config.digest, len(config.data), io.BytesIO(config.data), action, stop)
    return len(config.data)


def _there(session: Session, digest: str, size: int, action: str) -> bool:
    with session.send("HEAD", session.url(f"blobs/{digest}"), action=action, accept=(200, 404)) as response:
        if response.status == 404:
            return False
        said = response.headers.get("Content-Length")
        # Some proxies drop Content-Length from answers to HEAD; one that is wrong means that the blob is not ours.
        return said is None or said == str(size)


def _upload(session: Session, digest: str, size: int, stream: Stream, action: str, stop: _Stop) -> None:
    """Send one blob, each attempt as an upload of its own: what a cut one has left in the registry is unknown."""
    whole = True
    attempt = 1
    while True:
        stream.seek(0)
        try:
            if whole:
                _send_whole(session, digest, size, stream, action)
            else:
                _send_parts(session, digest, size, stream, action)
            return
        except UnavailableError as error:
            if whole and isinstance(error, HttpError) and error.status_code in _REFUSES_WHOLE:
                whole = False
                continue
            if stop.now or not session.transport.pause(attempt, error):
                raise
        except HttpTryAgainError as error:
            if stop.now or not session.transport.pause(attempt, error):
                raise
        attempt += 1


def _begin(session: Session, action: str) -> str:
    url = session.url("blobs/uploads/")
    with session.send("POST", url, action=action, accept=(202,), body=b"", size=0) as response:
        return session.location(response, url, action)


def _send_whole(session: Session, digest: str, size: int, stream: Stream, action: str) -> None:
    target = _with_digest(_begin(session, action), digest)
    with session.send(
        "PUT",
        target,
        action=action,
        accept=(201, 204),
        headers={"Content-Type": "application/octet-stream"},
        body=stream,
        size=size,
        attempts=1,
    ) as response:
        _same(response.headers.get("Docker-Content-Digest"), digest, session, action)


def _send_parts(session: Session, digest: str, size: int, stream: Stream, action: str) -> None:
    target = _begin(session, action)
    done = 0
    while done < size:
        part = stream.read(_PART)
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
            target = session.location(response, target, action)
        done += len(part)
    with session.send(
        "PUT", _with_digest(target, digest), action=action, accept=(201, 204), body=b"", size=0, attempts=1
    ) as response:
        _same(response.headers.get("Docker-Content-Digest"), digest, session, action)


def _manifest(session: Session, image: Image, tag: str) -> None:
    action = f"pushing the manifest {_short(image.digest)} to {session.reference.name}:{tag}"
    with session.send(
        "PUT",
        session.url(f"manifests/{tag}"),
        action=action,
        accept=(200, 201, 202),
        headers={"Content-Type": image.manifest.descriptor.media_type},
        body=image.manifest.data,
        size=len(image.manifest.data),
    ) as response:
        _same(response.headers.get("Docker-Content-Digest"), image.digest, session, action)


def _same(said: str | None, digest: str, session: Session, action: str) -> None:
    if said is not None and said != digest:
        raise CorruptError(
            f"{action}: {session.reference.registry} says that it stored {said}",
            hint="bytes were changed on their way, or the registry is broken; try again",
        )


def _with_digest(url: str, digest: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}digest={digest.replace(':', '%3A')}"


def _short(digest: str) -> str:
    return digest[:19]
