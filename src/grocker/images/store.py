"""The place ``store``: Grocker's own store, which has every image that a build made, by its names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from grocker import digest as digests
from grocker.digest import Digest
from grocker.errors import MissingError
from grocker.images.sink import Delivered, PlaceContext
from grocker.oci import Blobs, Document, Image, Reference, reference, values
from grocker.oci.index import root
from grocker.oci.reading import parse_root, read_images
from grocker.oci.values import Descriptor
from grocker.progress import Progress
from grocker.store import Store

if TYPE_CHECKING:
    from grocker.images.reading import OpenedImage

_PLACE = "Grocker's store"


def open_sink(path: str, context: PlaceContext) -> StoreSink:
    """See sink.SinkModule."""
    return StoreSink()


@contextmanager
def open_image(text: str, context: PlaceContext) -> Iterator[OpenedImage]:
    """See reading.ImageModule. ``text`` is a reference."""
    from grocker.images.reading import OpenedImage

    name = reference.parse(text)
    digest = name.digest or _find_digest(context.store, name)
    if digest is None or context.store.blob(digest) is None:
        raise MissingError(
            f"{_PLACE} has no image {name.docker}",
            hint=f"{suggest_names(context.store, name)} (Docker Hub's is docker.io/{name.path}:{name.tag or 'latest'})",
        )
    found = load_by_digest(context.store, digest, str(name))

    def read(descriptor: Descriptor) -> bytes:
        return _data(context.store, values.digest_of(descriptor), str(name))

    yield OpenedImage(_PLACE, found.root, read, read)


class StoreSink(msgspec.Struct, frozen=True):
    """The sink ``store``: every image is in Grocker's own store already; nothing more is done."""

    hint: str | None = None
    """why it was chosen, when nobody named it"""

    def describe(self) -> str:
        """See Sink.describe."""
        return "the store"

    def deliver(
        self, images: Sequence[Image], names: Sequence[Reference], blobs: Blobs, progress: Progress
    ) -> Delivered:
        """See Sink.deliver."""
        for layer in (one for image in images for one in image.blobs):
            blobs.path(layer.digest)  # the bytes of some may still be elsewhere
        if self.hint is not None:
            progress.warn("the image is in Grocker's store only: neither docker nor podman is available", self.hint)
        return Delivered("store", str(names[0]), 0, "kept in the store", tuple(str(name) for name in names))


class StoredBlobs:
    """The layers of ``images``, which are in the store, as ``oci.Blobs``."""

    def __init__(self, store: Store, images: Iterable[Image]) -> None:
        self._store = store
        self._layers = {layer.digest for image in images for layer in image.blobs}

    def open(self, digest: Digest) -> BinaryIO:
        """See oci.Blobs.open."""
        path = self._store.blob(digest)
        if path is None:
            raise MissingError(f"blob {digest} is no longer in the cache", hint="build again")
        return open(path, "rb")

    def path(self, digest: Digest) -> Path | None:
        """See oci.Blobs.path."""
        return self._store.blob(digest)

    def forget(self, digest: Digest) -> None:
        """See oci.Blobs.forget: the next build that needs the layer composes it again.

        What damaged one layer may have damaged others: all are checked, so that building again once is enough.
        """
        for one in sorted({digest, *self._layers}):
            self._store.sound_blob(one)


class StoredImage(msgspec.Struct, frozen=True):
    """An image in the store, for each of its platforms."""

    root: Document
    """what the name refers to: a manifest or an index"""
    images: tuple[Image, ...]


def keep_images(store: Store, images: Sequence[Image], names: Sequence[Reference]) -> None:
    """Keep the images' documents, and under each name the manifest or index that it refers to.

    Raises StorageError, CannotWriteError.
    """
    for document in (document for one in images for document in one.documents):
        store.add_blob(document.data)
    digest = store.add_blob(root(images).data)
    for name in names:
        store.keep("refs", reference_key(name), f"{name.full} {digest}\n".encode())


def reference_key(name: Reference) -> str:
    """The key in the store of what a name refers to."""
    return digests.hexadecimal(digests.of(name.full.encode()))


def has_root(store: Store, name: Reference) -> bool:
    """Whether the store has the manifest or index that ``name`` refers to."""
    digest = name.digest or _find_digest(store, name)
    return digest is not None and store.blob(digest) is not None


def load_image(store: Store, name: Reference) -> StoredImage:
    """Load the image of that name, or of the digest in it.

    Raises MissingError when the store has none, or no longer has all of its documents and layers.
    """
    digest = name.digest or _find_digest(store, name)
    if digest is None:
        raise MissingError(f"{_PLACE} has no image {name.docker}", hint=suggest_names(store, name))
    found = load_by_digest(store, digest, str(name))
    for image in found.images:
        for layer in image.blobs:
            if store.blob(layer.digest, layer.size) is None:
                store.sound_blob(layer.digest)
                raise MissingError(
                    f"layer {layer.digest} ({layer.title}) of {name} is no longer in {_PLACE}", hint="build again"
                )
    return found


def load_by_digest(store: Store, digest: Digest, what: str) -> StoredImage:
    """Load an image by the digest of its manifest or index, whether or not its layers are still there."""

    def fetch(descriptor: Descriptor) -> bytes:
        return _data(store, values.digest_of(descriptor), what)

    top = parse_root(_data(store, digest, what))
    return StoredImage(top, read_images(top, fetch, what=what))


def list_names(store: Store) -> Mapping[str, Digest]:
    """Every complete name in the store and what it refers to, sorted by name."""
    found: dict[str, Digest] = {}
    for path in sorted((store.root / "refs").iterdir()):
        name, _, digest = path.read_text(encoding="utf-8", errors="replace").strip().rpartition(" ")
        try:
            found[name] = digests.parse(digest)
        except ValueError:
            continue
    return {name: found[name] for name in sorted(found)}


def suggest_names(store: Store, name: Reference) -> str:
    """Write the hint for a name that ``store`` does not have: the nearest names that it has."""
    from difflib import get_close_matches

    known = [one.removeprefix("docker.io/").removeprefix("library/") for one in list_names(store)]
    near = [one for one in known if one.rpartition(":")[0] == name.docker.rpartition(":")[0]]
    near = near or get_close_matches(name.docker, known, 3, 0.5) or known[:5]
    if len(near) == 1 and near[0].rpartition(":")[0] == name.docker.rpartition(":")[0]:
        return f"did you mean {near[0]}?"
    return f"the store has: {', '.join(near[:8])}" if near else "build one: grocker build DIRECTORY -t NAME"


def _find_digest(store: Store, name: Reference) -> Digest | None:
    data = store.kept("refs", reference_key(name))
    if data is None:
        return None
    try:
        return digests.parse(data.decode("utf-8", "replace").rpartition(" ")[2].strip())
    except ValueError:
        return None


def _data(store: Store, digest: Digest, what: str) -> bytes:
    path = store.sound_blob(digest)
    if path is None:
        raise MissingError(f"{digest} of {what} is not in {_PLACE}", hint="build again")
    return path.read_bytes()
