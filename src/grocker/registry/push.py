"""Push images to one repository: first the missing blobs, several at once, then manifests, then names.

Source: OCI distribution specification 1.1, Push.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from grocker.digest import Digest
from grocker.errors import GrockerError, MissingError, TryAgainError, UnavailableError
from grocker.oci import Blobs, Document, Image, Layer, Reference
from grocker.progress import Progress, Task
from grocker.registry import early_uploads, pull, upload
from grocker.registry.docker_types import ManifestSet, with_docker_types, with_oci_types
from grocker.registry.mount_candidates import MountCandidates
from grocker.registry.preflight import RepositoryState
from grocker.registry.refusal import TAKEN_HINT, Reason, RefusedPushError
from grocker.registry.session import STORED, RepositorySession
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
    has_docker_types: bool
    """whether the registry has it with Docker's media types, which change the digest"""
    new: bool
    """whether a manifest was sent under a name that did not have it"""


def push(
    state: RepositoryState, images: Sequence[Image], blobs: Blobs, progress: Progress, *, candidates: MountCandidates
) -> PushResult:
    """Push the images, one for each platform, under every name in ``state``.

    A registry that refuses OCI's media types gets the same blobs with Docker's, and a warning says so.
    ``candidates``: what may be mounted from other repositories; what is there now is added to it.
    Raises DeniedError (401, 403), MissingError (404), TryAgainError (429), RefusedPushError (other 4xx),
    UnavailableError (5xx, no connection, cut), CorruptError (a blob in the cache, or the registry's answer, has an
    unexpected digest or size).
    """
    result = _push(state, images, blobs, progress, candidates)
    early_uploads.discard(state.session)
    return result


def _push(
    state: RepositoryState, images: Sequence[Image], blobs: Blobs, progress: Progress, candidates: MountCandidates
) -> PushResult:
    repository = state.session
    own, dockers = with_oci_types(images), with_docker_types(images)
    used = own
    there = set(state.digests.values())
    if dockers is not None and dockers.root.digest in there and own.root.digest not in there:
        used = dockers
    missing = _names_without(state, used)
    sizes = {one.digest: one.size for one in _blobs(images).values()}
    sizes |= {one.digest: len(one.data) for one in _configs(images).values()}
    if not missing:
        _report(progress, repository, used, images)
        return PushResult(_names(state, used), 0, 0, 0, len(sizes), used.has_docker_types, new=False)
    what = f"pushing to {repository.reference.name}"
    if len(missing) < len(state.digests):
        # A name that has the manifest proves that everything it refers to is there.
        fates = dict.fromkeys(sizes, Fate.PRESENT)
        sent = _push_documents(repository, replace(used, manifests=()), missing)
    else:
        fallback = None if used.has_docker_types else dockers
        with progress.task(what, sum(one.size for one in _blobs(images).values())) as task:
            if state.is_readable:
                fates = _push_blobs(repository, images, blobs, candidates, task, state.blobs)
            else:
                # Whether this caller may push is tried with one blob: several wrong passwords at once lock an account.
                first = images[0].config
                tried = upload.push_document(
                    repository, first, "the configuration", candidates, Cancellation(), likely=False
                )
                held = {first.digest: len(first.data)}
                fates = {**_push_blobs(repository, images, blobs, candidates, task, held), first.digest: tried}
        try:
            sent, used = _push_known_types(repository, used, fallback, missing)
        except (MissingError, HttpError) as error:
            if not state.blobs or (
                isinstance(error, RefusedPushError) and error.reason not in (Reason.OTHER, Reason.MEDIA_TYPE)
            ):
                raise
            # The registry lost blobs of a manifest that it has: now every blob is checked.
            with progress.task(what) as task:
                fates = _push_blobs(repository, images, blobs, candidates, task, {})
            sent, used = _push_known_types(repository, used, fallback, missing)
    _report(progress, repository, used, images)
    sent += sum(sizes[digest] for digest, fate in fates.items() if fate is Fate.SENT)
    candidates.add(repository.reference.registry, repository.reference.path, sorted(sizes))
    count = Counter(fates.values())
    return PushResult(
        _names(state, used),
        sent,
        count[Fate.SENT],
        count[Fate.MOUNTED],
        count[Fate.PRESENT],
        used.has_docker_types,
        new=True,
    )


def _names(state: RepositoryState, used: ManifestSet) -> tuple[Reference, ...]:
    return tuple(replace(name, digest=used.root.digest) for name in state.digests)


def _names_without(state: RepositoryState, used: ManifestSet) -> list[Reference]:
    return [name for name, digest in state.digests.items() if digest != used.root.digest]


def _report(progress: Progress, repository: RepositorySession, used: ManifestSet, images: Sequence[Image]) -> None:
    """Say that the digest is not the image's own, and what is lost."""
    if used.has_docker_types:
        lost = ", and lazy pulling does not work" if any(one.soci is not None for one in images) else ""
        progress.warn(
            f"{repository.reference.name} has the image with Docker's media types instead of OCI's; its digest there "
            f"is {used.root.digest}{lost}"
        )


def _blobs(images: Sequence[Image]) -> Mapping[Digest, Layer]:
    """List every layer and table of contents of all images."""
    return {one.digest: one for image in images for one in image.blobs}


def _configs(images: Sequence[Image]) -> Mapping[Digest, Document]:
    """List every document of all images that is pushed as a blob."""
    return {one.digest: one for image in images for one in image.documents if one not in image.manifests}


def _push_blobs(
    repository: RepositorySession,
    images: Sequence[Image],
    blobs: Blobs,
    candidates: MountCandidates,
    task: Task,
    held: Mapping[Digest, int],
) -> dict[Digest, Fate]:
    """Push every blob that is not in ``held``, each once. The first error cancels the running uploads."""
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    cancellation = Cancellation()
    layers, configs = _blobs(images), _configs(images)
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


def _push_known_types(
    repository: RepositorySession, own: ManifestSet, fallback: ManifestSet | None, names: Sequence[Reference]
) -> tuple[int, ManifestSet]:
    """Send ``own``, or ``fallback`` when the registry refuses the media types; return the bytes sent, and which."""
    try:
        return _push_documents(repository, own, names), own
    except RefusedPushError as error:
        if fallback is None or error.reason is not Reason.MEDIA_TYPE:
            if fallback is None and not own.has_docker_types and error.reason is Reason.MEDIA_TYPE:
                error.hint = f'{error.hint}; if it does not support zstd, build with compression = "gzip"'
            raise
        refusal = error
    try:
        return _push_documents(repository, fallback, names), fallback
    except RefusedPushError as error:
        if error.reason is not Reason.MEDIA_TYPE:
            raise
    raise refusal


def _push_documents(repository: RepositorySession, documents: ManifestSet, names: Sequence[Reference]) -> int:
    """Send the manifests of an index and, under every name, the root; return the bytes sent."""
    for document in documents.manifests:
        push_manifest(repository, document, document.digest)
    for name in names:
        push_manifest(repository, documents.root, name.tag or "")
    return sum(len(document.data) for document in (*documents.manifests, *(documents.root for _ in names)))


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
        except RefusedPushError as error:
            there = None if ":" in name else _find_digest(repository, name)
            # An earlier attempt, or another push of the same image, may have given the tag to it.
            if there == document.digest:
                return {}
            if there is not None and error.reason in (Reason.OTHER, Reason.MEDIA_TYPE):
                error.hint = f"{error.hint}; or {TAKEN_HINT}"
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
        accept=STORED,
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
