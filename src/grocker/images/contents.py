"""What places write of images: their documents, their names, and their layers' bytes, checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grocker.digest import Hashing
from grocker.errors import StorageError
from grocker.oci import Blobs, Descriptor, Document, Image, Layer, Reference, values
from grocker.oci.blobs import damaged
from grocker.oci.index import describe_image, root
from grocker.progress import Task

_CONTAINERD_NAME = "io.containerd.image.name"
_CHUNK = 1 << 20


def read_checked(layer: Layer, blobs: Blobs, task: Task) -> Iterator[bytes]:
    """Yield a layer's bytes, reporting them to ``task``.

    Raises CorruptError at the end when they do not match its digest, StorageError when they cannot be read.
    """
    hashing = Hashing()
    try:
        stream = blobs.open(layer.digest)
    except OSError as error:
        raise _unreadable(layer, error) from error
    with stream:
        while True:
            try:
                chunk = stream.read(_CHUNK)
            except OSError as error:
                raise _unreadable(layer, error) from error
            if not chunk:
                break
            hashing.update(chunk)
            if hashing.size > layer.size:
                break
            task.advance(len(chunk))
            yield chunk
    if hashing.size != layer.size or hashing.digest() != layer.digest:
        raise damaged(layer.digest, layer.title, blobs)


def _unreadable(layer: Layer, error: OSError) -> StorageError:
    reason = error.strerror or str(error)
    return StorageError(
        f"cannot read the cached layer {layer.digest} ({layer.title}): {reason}",
        hint="build again; if that fails, check the disk",
    )


def describe_root(images: Sequence[Image], names: Sequence[Reference]) -> Iterator[Descriptor]:
    """Yield the descriptor of what the names refer to, once for each name, or once when there are none."""
    top = root(images)
    plain = describe_image(images[0]) if top is images[0].manifest else top.descriptor
    if not names:
        yield plain
    for name in names:
        annotations = {values.REF_NAME: name.podman, _CONTAINERD_NAME: name.full}
        yield Descriptor(plain.media_type, plain.digest, plain.size, annotations, plain.platform)


def list_documents(images: Sequence[Image]) -> list[Document]:
    """List configurations and manifests, and the index if there is one."""
    found = {document.digest: document for image in images for document in image.documents}
    top = root(images)
    return list({**found, top.digest: top}.values())


def list_layers(images: Sequence[Image]) -> tuple[Layer, ...]:
    """List the layers of all images, each once, from the bottom of the first image to the top of the last.

    The tables of a SOCI index come after the layers of its image.
    """
    return tuple({blob.digest: blob for image in images for blob in image.blobs}.values())
