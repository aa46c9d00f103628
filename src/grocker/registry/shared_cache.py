"""A cache that machines share: an artifact in a registry, with one snapshot and the files that it names.

The artifact refers to layers and wheels, so a registry keeps them as long as its tag. Images in other repositories of
the registry have the same layers: these are mounted, in either direction.
Source: OCI image specification 1.1, manifest.md ("Guidelines for Artifact Usage").
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from grocker import digest as digests
from grocker.digest import Digest
from grocker.errors import CorruptError, GrockerError, MissingError
from grocker.oci import Blobs, Document, Layer, Reference, values
from grocker.oci.values import Descriptor, Manifest
from grocker.progress import Progress
from grocker.registry import pull, upload
from grocker.registry.auth import Credentials
from grocker.registry.mount_candidates import MountCandidates
from grocker.registry.push import push_manifest
from grocker.registry.refusal import RefusedPushError
from grocker.registry.session import RepositorySession, open_session
from grocker.store import snapshot as snapshots
from grocker.store.snapshot import REMEDY, LayerPiece, SharedFile, Snapshot
from grocker.web import Transport

if TYPE_CHECKING:
    from grocker.store.store import Room

ARTIFACT = "application/vnd.grocker.cache.v1"
"""the artifact's type; its number is that of the format"""
DOCUMENT = "application/vnd.grocker.cache.snapshot.v1+msgpack+gzip"
_EMPTY = Document(values.describe(values.EMPTY, b"{}"), b"{}")
_LAYERS = frozenset({values.LAYER_GZIP, values.LAYER_ZSTD})
_AT_ONCE = 4
_MOST = 256 << 20
"""bytes of a compressed snapshot"""


class SharedCache:
    """The cache under one name with a tag. A ``store.sharing.Upstream``; thread safe."""

    def __init__(
        self, transport: Transport, name: Reference, find: Callable[[], Credentials], candidates: MountCandidates
    ) -> None:
        """``find``: called if the registry asks for credentials. ``candidates``: hears where layers are."""
        self.name = name
        self._open = partial(open_session, transport, name, find)
        self._session = self._open(actions="pull")
        self._candidates = candidates
        self._found: Future[Snapshot] = Future()
        self.failure: GrockerError | None = None
        """why it could not be read"""

    def begin(self, warn: Callable[[GrockerError], object]) -> None:
        """Start reading. What the cache has is waited for when it is asked; ``warn`` hears why it cannot be read."""

        def read() -> None:
            found = Snapshot()
            try:
                found = self._read(self._session) or found
                self._candidates.add(self.name.registry, self.name.path, _layers(found))
            except GrockerError as error:
                self.failure = error
                warn(error)
            finally:
                self._found.set_result(found)

        # A registry that does not answer delays neither an error nor Ctrl-C.
        threading.Thread(target=read, name="shared cache", daemon=True).start()

    def result(self, room: Room, key: str) -> bytes | None:
        """See Upstream.result."""
        found = self._found.result().results.get(f"{room}/{key}")
        return found.data if found is not None else None

    def size(self, digest: Digest) -> int | None:
        """See Upstream.size."""
        found = self._found.result().files.get(digest)
        return found.size if found is not None else None

    def piece(self, key: str) -> LayerPiece | None:
        """See Upstream.piece."""
        return self._found.result().members.get(key)

    def tree(self, key: str) -> Digest | None:
        """See Upstream.tree."""
        return self._found.result().trees.get(key)

    def read(self, digest: Digest) -> Iterator[bytes]:
        """See Upstream.read."""
        action = f"reading {upload.short_digest(digest)} from the shared cache {self.name}"
        url = self._session.url(f"blobs/{digest}")
        with self._session.send("GET", url, action=action, accept=(200,)) as response:
            yield from response.chunks(1 << 18)

    def write(
        self,
        used: Snapshot,
        layers: Mapping[Digest, Layer],
        blobs: Blobs,
        *,
        made: set[str],
        today: int,
        progress: Progress,
    ) -> None:
        """Add ``used`` to the cache, with the files that it lacks.

        ``layers``: of all layers and wheels of ``used``, what to send. ``made``, ``today``: see ``snapshot.merge``. Of
        two machines that write at the same time, the last one counts; what the other one added is added by its next
        build. Raises what ``push.push`` raises; CorruptError if there is something else under the name.
        """
        session = self._open(actions="pull,push")
        there = self._read(session) or Snapshot()
        try:
            self._write(session, snapshots.merge(used, there, made=made, today=today), there, layers, blobs, progress)
        except (MissingError, RefusedPushError):
            if not there.files:
                raise
            # The registry lost files of the cache that it has, and takes no manifest that refers to them.
            self._write(session, used, Snapshot(), layers, blobs, progress)

    def _write(
        self,
        session: RepositorySession,
        whole: Snapshot,
        there: Snapshot,
        layers: Mapping[Digest, Layer],
        blobs: Blobs,
        progress: Progress,
    ) -> None:
        missing = [layers[digest] for digest in whole.files if digest not in there.files]
        data = snapshots.encode(whole)
        document = Document(values.describe(DOCUMENT, data), data)
        cancellation = upload.Cancellation()
        with progress.task(f"writing the shared cache {self.name}", sum(one.size for one in missing)) as task:
            candidates = self._candidates
            small = [
                partial(upload.push_document, session, one, "the cache", candidates, cancellation, likely=False)
                for one in (_EMPTY, document)
            ]
            large = [
                partial(upload.push_layer, session, one, blobs, candidates, task, cancellation, likely=True)
                for one in missing
            ]
            _run([*small, *large], cancellation)
            push_manifest(session, _manifest(whole, document), session.reference.tag or "")

    def _read(self, session: RepositorySession) -> Snapshot | None:
        """Read what there is; None if there is nothing."""
        tag = self.name.tag or ""
        try:
            found = pull.read_manifest(session, tag, attempts=2, action=f"reading the shared cache {self.name}")
        except MissingError:
            return None
        manifest = values.decode(found.data, Manifest, what=f"{self.name}")
        if manifest.artifact_type != ARTIFACT or not manifest.layers:
            raise CorruptError(
                f"{self.name} is not a cache of this version of Grocker",
                hint="use another tag: --cache-from REGISTRY/REPOSITORY:TAG; if this one is an old cache, delete it",
            )
        first, *rest = manifest.layers
        if first.size > _MOST:
            raise CorruptError(
                f"the shared cache {self.name} is too large: its index has {first.size} bytes", hint=REMEDY
            )
        snapshot = snapshots.decode(pull.read_blob(session, first))
        listed = {one.digest: one.size for one in rest}
        files = {digest: one for digest, one in snapshot.files.items() if listed.get(digest) == one.size}
        return Snapshot(
            snapshot.results,
            files,
            {key: one for key, one in snapshot.members.items() if one.layer in files},
            {key: one for key, one in snapshot.trees.items() if one in files},
        )


def _run(jobs: Sequence[Callable[[], object]], cancellation: upload.Cancellation) -> None:
    """Run the first job, which tells whether this caller may write, then the others side by side."""
    from concurrent.futures import ThreadPoolExecutor

    first, *others = jobs
    first()
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="cache") as pool:
        running = [pool.submit(job) for job in others]
        try:
            for one in running:
                one.result()
        except BaseException:
            cancellation.is_set = True
            raise


def _layers(snapshot: Snapshot) -> list[Digest]:
    return sorted(digest for digest, one in snapshot.files.items() if one.media_type in _LAYERS)


def _manifest(whole: Snapshot, document: Document) -> Document:
    files = [_describe(digest, whole.files[digest]) for digest in sorted(whole.files)]
    manifest = Manifest(
        schema_version=2,
        media_type=values.MANIFEST,
        artifact_type=ARTIFACT,
        config=_EMPTY.descriptor,
        layers=(document.descriptor, *files),
    )
    data = values.encode(manifest)
    return Document(values.describe(values.MANIFEST, data), data)


def _describe(digest: Digest, file: SharedFile) -> Descriptor:
    return Descriptor(media_type=file.media_type, digest=digests.parse(digest), size=file.size)
