"""Pushing images to one repository: what is missing of their blobs, several at once, then manifests, then names.

Source: OCI distribution specification 1.1, Push.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from grocker.digest import Digest
from grocker.errors import BugError, CorruptError
from grocker.oci import Blobs, Document, Image, Reference
from grocker.oci.index import root
from grocker.progress import Progress, Task
from grocker.registry import upload
from grocker.registry.auth import Credentials
from grocker.registry.known import Known
from grocker.registry.session import Session, session
from grocker.registry.upload import Fate, Stop, short
from grocker.web import Transport

AT_ONCE = 4


class Pushed(msgspec.Struct, frozen=True):
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
    transport: Transport,
    find: Callable[[], Credentials],
    images: Sequence[Image],
    names: Sequence[Reference],
    blobs: Blobs,
    progress: Progress,
    *,
    known: Known,
) -> Pushed:
    """Push the images, one for each platform, under every tag of ``names`` (``latest`` where there is none).

    The names are of one repository. ``find`` is asked for credentials if the registry wants any. ``known``: what may be
    mounted from other repositories; what is there now is added to it.
    Raises DeniedError (401, 403), MissingError (404), TryAgainError (429), UnavailableError (5xx, no connection, cut),
    CorruptError (a blob in the cache, or the registry's answer, has another digest or size than it should).
    """
    if len({(name.registry, name.path) for name in names}) != 1:
        raise BugError("a push to several repositories at once")
    top = root(images)
    first = names[0]
    tagged = tuple(dict.fromkeys(replace(name, tag=name.tag or "latest", digest=top.digest) for name in names))
    repository = session(transport, first, find, actions="pull,push")
    missing = [name for name in tagged if not _tagged(repository, top, name.tag or "")]
    layers = {one.digest: one for image in images for one in image.layers}
    sizes = {one.digest: one.size for one in layers.values()}
    sizes |= {image.config.digest: len(image.config.data) for image in images}
    if not missing:
        return Pushed(tagged, 0, 0, 0, len(sizes), new=False)
    sent_bytes = 0
    fates: Counter[Fate] = Counter()
    if len(missing) < len(tagged):
        fates[Fate.PRESENT] = len(sizes)  # a name that has the manifest stands for all that it refers to
    else:
        with progress.task(f"pushing to {first}", sum(one.size for one in layers.values())) as task:
            for digest, fate in _blobs(repository, images, blobs, known, task).items():
                fates[fate] += 1
                sent_bytes += sizes[digest] if fate is Fate.SENT else 0
        for image in images if len(images) > 1 else ():
            _manifest(repository, image.manifest, image.digest)
            sent_bytes += len(image.manifest.data)
    for name in missing:
        _manifest(repository, top, name.tag or "")
        sent_bytes += len(top.data)
    known.note(first.registry, first.path, sorted(sizes))
    return Pushed(tagged, sent_bytes, fates[Fate.SENT], fates[Fate.MOUNTED], fates[Fate.PRESENT], new=True)


def _tagged(repository: Session, top: Document, tag: str) -> bool:
    """Whether the registry has the very manifest or index under that tag."""
    action = f"pushing to {repository.reference.name}:{tag}"
    with repository.send(
        "HEAD",
        repository.url(f"manifests/{tag}"),
        action=action,
        headers={"Accept": top.descriptor.media_type},
        accept=(200, 404),
    ) as response:
        if response.status != 200 or response.headers.get("Docker-Content-Digest") != top.digest:
            return False
        size = response.headers.get("Content-Length", "")
        if size.isdigit() and int(size) not in (0, len(top.data)):
            raise CorruptError(
                f"{action}: {repository.reference.registry} says that {short(top.digest)} has {size} bytes; "
                f"it has {len(top.data)}",
                hint="the registry, or a proxy before it, is broken",
            )
        return True


def _blobs(repository: Session, images: Sequence[Image], blobs: Blobs, known: Known, task: Task) -> dict[Digest, Fate]:
    """Bring every blob there, each once. The first error ends it, and running uploads with it."""
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    stop = Stop()
    layers = {one.digest: one for image in images for one in image.layers}
    configs = {image.config.digest: image.config for image in images}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="push") as pool:
        jobs = {
            digest: pool.submit(upload.layer, repository, one, blobs, known, task, stop)
            for digest, one in layers.items()
        }
        jobs |= {digest: pool.submit(upload.config, repository, one, known, stop) for digest, one in configs.items()}
        try:
            done, _ = wait(jobs.values(), return_when=FIRST_EXCEPTION)
            for job in done:
                job.result()
        except BaseException:
            stop.now = True
            for job in jobs.values():
                job.cancel()
            raise
        return {digest: job.result() for digest, job in jobs.items()}


def _manifest(repository: Session, document: Document, name: str) -> None:
    """Send a manifest or index under a tag or under its digest."""
    where = f"{repository.reference.name}{'@' if ':' in name else ':'}{name}"
    action = f"pushing the manifest {short(document.digest)} to {where}"
    with repository.send(
        "PUT",
        repository.url(f"manifests/{name}"),
        action=action,
        accept=(200, 201, 202),
        headers={"Content-Type": document.descriptor.media_type},
        body=document.data,
        size=len(document.data),
    ) as response:
        upload.same(response.headers.get("Docker-Content-Digest"), document.digest, repository, action)
