"""Push images to one repository: first the missing blobs, several at once, then manifests, then names.

Source: OCI distribution specification 1.1, Push.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from grocker.digest import Digest
from grocker.errors import GrockerError, MissingError, TryAgainError, UnavailableError
from grocker.oci import Blobs, Document, Image, Layer, Reference
from grocker.oci.index import root
from grocker.progress import Progress, Task
from grocker.registry import pull, upload
from grocker.registry.mount_candidates import MountCandidates
from grocker.registry.preflight import RepositoryState
from grocker.registry.session import RepositorySession
from grocker.registry.upload import Cancellation, Fate, short_digest
from grocker.web import HttpError

AT_ONCE = 4
_GRACE = 1.0
"""seconds that running uploads get to end after another one failed"""


class PushResult(msgspec.Struct, frozen=True):
    """What a push did."""

    names: tuple[Reference, ...]
    """with the digest of what they refer to now"""
    sent_bytes: int
    sent_blobs: int
    mounted_blobs: int
    """found in another repository of the registry"""
    present_blobs: int
    """blobs that the repository had"""
    new: bool
    """whether a manifest was sent under a name that did not have it"""


def push(
    state: RepositoryState, images: Sequence[Image], blobs: Blobs, progress: Progress, *, candidates: MountCandidates
) -> PushResult:
    """Push the images, one for each platform, under every name in ``state``.

    ``known``: what may be mounted from other repositories; what is there now is added to it.
    Raises DeniedError (401, 403), MissingError (404), TryAgainError (429), UnavailableError (5xx, no connection, cut),
    CorruptError (a blob in the cache, or the registry's answer, has an unexpected digest or size).
    """
    top = root(images)
    repository = state.session
    tagged = tuple(replace(name, digest=top.digest) for name in state.digests)
    missing = [name for name, digest in state.digests.items() if digest != top.digest]
    sizes = {one.digest: one.size for image in images for one in image.layers}
    sizes |= {image.config.digest: len(image.config.data) for image in images}
    if not missing:
        return PushResult(tagged, 0, 0, 0, len(sizes), new=False)
    if len(missing) < len(tagged):
        # A name that has the manifest proves that everything it refers to is there.
        fates = dict.fromkeys(sizes, Fate.PRESENT)
        sent = _push_manifests(repository, (), top, missing)
    else:
        with progress.task(f"pushing to {tagged[0].name}", sum(one.size for one in _layers(images))) as task:
            fates = _push_blobs(repository, images, blobs, candidates, task, state.blobs)
        try:
            sent = _push_manifests(repository, images, top, missing)
        except (MissingError, HttpError):
            if not state.blobs:
                raise
            # The registry lost blobs of a manifest that it has: now every blob is checked.
            with progress.task(f"pushing to {tagged[0].name}") as task:
                fates = _push_blobs(repository, images, blobs, candidates, task, {})
            sent = _push_manifests(repository, images, top, missing)
    sent += sum(sizes[digest] for digest, fate in fates.items() if fate is Fate.SENT)
    candidates.add(repository.reference.registry, repository.reference.path, sorted(sizes))
    count = Counter(fates.values())
    return PushResult(tagged, sent, count[Fate.SENT], count[Fate.MOUNTED], count[Fate.PRESENT], new=True)


def _layers(images: Sequence[Image]) -> Collection[Layer]:
    """List the layers of all images, each once."""
    return {one.digest: one for image in images for one in image.layers}.values()


def _push_blobs(
    repository: RepositorySession,
    images: Sequence[Image],
    blobs: Blobs,
    candidates: MountCandidates,
    task: Task,
    held: Mapping[Digest, int],
) -> dict[Digest, Fate]:
    """Bring every blob there that is not in ``held``, each once. The first error ends the running uploads, too."""
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    cancellation = Cancellation()
    layers = {one.digest: one for one in _layers(images)}
    configs = {image.config.digest: image.config for image in images}
    present = {one.digest for one in layers.values() if held.get(one.digest) == one.size}
    present |= {one.digest for one in configs.values() if held.get(one.digest) == len(one.data)}
    task.advance(sum(one.size for one in layers.values() if one.digest in present))
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="push")
    jobs = {
        digest: pool.submit(upload.push_layer, repository, one, blobs, candidates, task, cancellation, likely=not held)
        for digest, one in layers.items()
        if digest not in present
    }
    jobs |= {
        digest: pool.submit(
            upload.push_document, repository, one, "the configuration", candidates, cancellation, likely=not held
        )
        for digest, one in configs.items()
        if digest not in present
    }
    try:
        done, _ = wait(jobs.values(), return_when=FIRST_EXCEPTION)
        for job in done:
            job.result()
    except BaseException as error:
        cancellation.is_set = True
        # An upload may wait minutes for its answer: an error or Ctrl-C does not.
        pool.shutdown(wait=False, cancel_futures=True)
        if isinstance(error, Exception):
            wait(jobs.values(), timeout=_GRACE)
        raise
    pool.shutdown()
    return dict.fromkeys(present, Fate.PRESENT) | {digest: job.result() for digest, job in jobs.items()}


def _push_manifests(
    repository: RepositorySession, images: Sequence[Image], top: Document, names: Sequence[Reference]
) -> int:
    """Send the manifests of an index and, under every name, the root; return the bytes sent."""
    below = [image.manifest for image in images] if len(images) > 1 else []
    for document in below:
        push_manifest(repository, document, document.digest)
    for name in names:
        push_manifest(repository, top, name.tag or "")
    return sum(len(document.data) for document in (*below, *(top for _ in names)))


def push_manifest(repository: RepositorySession, document: Document, name: str) -> Mapping[str, str]:
    """Send a manifest or index under a tag or its digest; return the answer's headers.

    The headers are empty when the answer did not arrive, but the registry has the manifest under that name.
    """
    where = f"{repository.reference.name}{'@' if ':' in name else ':'}{name}"
    action = f"pushing the manifest {short_digest(document.digest)} to {where}"
    attempt = 1
    while True:
        try:
            return _send_manifest(repository, document, name, action)
        except TryAgainError as error:
            if not repository.transport.pause(attempt, error):
                raise
        except UnavailableError as error:
            is_last = not repository.transport.pause(attempt, error)
            # The registry may have stored it without its answer arriving.
            if _find_digest(repository, name) == document.digest:
                return {}
            if is_last:
                raise
        attempt += 1


def _send_manifest(repository: RepositorySession, document: Document, name: str, action: str) -> Mapping[str, str]:
    """Send it once. ``action``: for errors."""
    with repository.send(
        "PUT",
        repository.url(f"manifests/{name}"),
        action=action,
        accept=upload.DONE,
        headers={"Content-Type": document.descriptor.media_type},
        body=document.data,
        size=len(document.data),
        attempts=1,
        # Some registries check every blob that the manifest refers to.
        stores=len(document.data),
    ) as response:
        upload.check_stored(response.headers.get("Docker-Content-Digest"), document.digest, repository, action)
        return response.headers


def _find_digest(repository: RepositorySession, name: str) -> Digest | None:
    """Find what ``name`` refers to now; None when there is nothing, or the registry does not tell."""
    try:
        return pull.read_manifest(repository, name, attempts=1).digest
    except GrockerError:
        return None
