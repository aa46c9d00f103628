"""Images that earlier builds left in the store, by their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec

from grocker import digest as digests
from grocker.digest import Digest
from grocker.errors import MissingError
from grocker.oci import Document, Image, Reference, values
from grocker.oci.reading import images, root
from grocker.oci.values import Descriptor
from grocker.store import Store


class Stored(msgspec.Struct, frozen=True):
    """An image in the store, for each of its platforms."""

    root: Document
    """what the name refers to: a manifest or an index"""
    images: tuple[Image, ...]


class StoredBlobs:
    """The layers of ``images``, which lie in the store."""

    def __init__(self, store: Store, images: Iterable[Image]) -> None:
        self._store = store
        self._layers = {layer.digest for image in images for layer in image.layers}

    def open(self, digest: Digest) -> BinaryIO:
        """See oci.Blobs.open."""
        path = self._store.blob(digest)
        if path is None:
            raise MissingError(f"blob {digest} is not in the cache any more", hint="build again")
        return open(path, "rb")

    def path(self, digest: Digest) -> Path | None:
        """See oci.Blobs.path."""
        return self._store.blob(digest)

    def forget(self, digest: Digest) -> None:
        """See oci.Blobs.forget: whoever needs the layer next finds none, and composes it again.

        What harmed one may have harmed others: all are looked at, so that building again once is enough.
        """
        for one in sorted({digest, *self._layers}):
            self._store.sound_blob(one)


def key(name: Reference) -> str:
    """Under what the store keeps which manifest or index a name refers to."""
    return digests.hexadecimal(digests.of(name.full.encode()))


def stored(store: Store, name: Reference) -> Stored:
    """The image of that name, or of the digest in it.

    Raises MissingError when the store has none, or not all of its documents and layers any more.
    """
    digest = name.digest or _named(store, name)
    if digest is None:
        raise MissingError(f"there is no image {name.docker} in Grocker's store", hint=others(store, name))
    found = stored_by_digest(store, digest, str(name))
    for image in found.images:
        for layer in image.layers:
            if store.blob(layer.digest, layer.size) is None:
                store.sound_blob(layer.digest)
                raise MissingError(
                    f"the layer {layer.digest} ({layer.title}) of {name} is not in Grocker's store any more",
                    hint="build again",
                )
    return found


def stored_by_digest(store: Store, digest: Digest, what: str) -> Stored:
    """The same by the digest of manifest or index, whether its layers are still there or not."""

    def fetch(descriptor: Descriptor) -> bytes:
        return _data(store, values.digest_of(descriptor), what)

    top = root(_data(store, digest, what))
    return Stored(top, images(top, fetch, what=what))


def names(store: Store) -> Mapping[str, Digest]:
    """Every complete name in the store, and what it refers to; by name."""
    found: dict[str, Digest] = {}
    for path in sorted((store.root / "refs").iterdir()):
        name, _, digest = path.read_text(encoding="utf-8", errors="replace").strip().rpartition(" ")
        try:
            found[name] = digests.parse(digest)
        except ValueError:
            continue
    return {name: found[name] for name in sorted(found)}


def _named(store: Store, name: Reference) -> Digest | None:
    data = store.kept("refs", key(name))
    if data is None:
        return None
    try:
        return digests.parse(data.decode("utf-8", "replace").rpartition(" ")[2].strip())
    except ValueError:
        return None


def _data(store: Store, digest: Digest, what: str) -> bytes:
    path = store.sound_blob(digest)
    if path is None:
        raise MissingError(f"{digest} of {what} is not in Grocker's store", hint="build again")
    return path.read_bytes()


def others(store: Store, name: Reference) -> str:
    """The hint for a name that ``store`` does not have: the nearest that it has."""
    from difflib import get_close_matches

    known = [one.removeprefix("docker.io/").removeprefix("library/") for one in names(store)]
    near = [one for one in known if one.rpartition(":")[0] == name.docker.rpartition(":")[0]]
    near = near or get_close_matches(name.docker, known, 3, 0.5) or known[:5]
    if len(near) == 1 and near[0].rpartition(":")[0] == name.docker.rpartition(":")[0]:
        return f"did you mean {near[0]}?"
    return f"the store has: {', '.join(near[:8])}" if near else "build one: grocker build DIRECTORY -t NAME"
