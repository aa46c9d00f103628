"""The store as the seam through which outputs read an image's bytes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from grocker.digest import Digest
from grocker.errors import MissingError
from grocker.oci import Image
from grocker.store import Store


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
