"""The place ``archive:FILE``: images as one tar file for engines to load, with the same bytes for the same images.

The file is an OCI layout (image-layout.md) and a ``docker save`` archive at once: containerd and skopeo read
``index.json``, older Docker engines ``manifest.json``; both name the same blobs. ``manifest.json`` has no platforms
and names only the first image.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from grocker import digest as digests
from grocker import local_file
from grocker.digest import Digest
from grocker.errors import MissingError
from grocker.images.contents import describe_root, list_documents, list_layers, read_checked
from grocker.images.file_evidence import of_file
from grocker.images.reading import OpenedImage, image_of_files, split_path
from grocker.images.sink import Delivered, PlaceContext, plural
from grocker.oci import Blobs, Image, Layer, Reference, values
from grocker.progress import Progress, Task
from grocker.store.writing import destination, storage
from grocker.tar.entry import Directory, Entry, File
from grocker.tar.limits import find_members, open_tar
from grocker.tar.writer import BLOCK, END_OF_ARCHIVE, segment


class LayerBytes(msgspec.Struct, frozen=True):
    """A layer's bytes as the content of a tar member, checked against the layer's digest as they are read."""

    layer: Layer
    blobs: Blobs
    task: Task

    @property
    def size(self) -> int:
        """Bytes, compressed."""
        return self.layer.size

    @property
    def sha256(self) -> str:
        """Of the bytes."""
        return digests.hexadecimal(self.layer.digest)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes; CorruptError when they do not match the layer."""
        yield from read_checked(self.layer, self.blobs, self.task)


HEAD: tuple[Entry, ...] = (Directory("blobs"), Directory("blobs/sha256"))
"""with what an archive begins that leaves layers out"""


def make_index(images: Sequence[Image], names: Sequence[Reference]) -> values.Index:
    """Make ``index.json`` of a layout that has the images under ``names``."""
    return values.Index(schema_version=2, media_type=values.INDEX, manifests=tuple(describe_root(images, names)))


def make_docker_manifest(image: Image, names: Sequence[Reference]) -> bytes:
    """``manifest.json`` as ``docker load`` reads it (moby/moby, image/tarexport/load.go)."""
    document = [
        {
            "Config": _blob(image.config.digest),
            "Layers": [_blob(one.digest) for one in image.layers],
            "RepoTags": [name.docker for name in names],
        }
    ]
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def list_members(
    images: Sequence[Image],
    names: Sequence[Reference],
    blobs: Blobs,
    task: Task,
    *,
    without: frozenset[Digest] = frozenset(),
) -> list[Entry]:
    """List the members of the archive. ``without``: layers to leave out, for an engine that has them already."""
    found: dict[str, Entry] = {}
    if not without:
        found["oci-layout"] = File("oci-layout", values.encode(values.LayoutMarker(values.LAYOUT_VERSION)))
        found["index.json"] = File("index.json", values.encode(make_index(images, names)))
    found["manifest.json"] = File("manifest.json", make_docker_manifest(images[0], names))
    found |= {one.path: one for one in HEAD}
    for document in list_documents(images):
        found[_blob(document.digest)] = File(_blob(document.digest), document.data)
    for layer in list_layers(images):
        if layer.digest not in without:
            found[_blob(layer.digest)] = File(_blob(layer.digest), LayerBytes(layer, blobs, task))
    return [found[path] for path in sorted(found)]


def measure(members: Sequence[Entry]) -> int:
    """Compute the archive's size in bytes without reading it. All names are short: each member has one header block."""
    total = len(END_OF_ARCHIVE)
    for one in members:
        content = 0
        if isinstance(one, File):
            content = len(one.data) if isinstance(one.data, bytes) else one.data.size
        total += BLOCK + -(-content // BLOCK) * BLOCK
    return total


def read_chunks(members: Sequence[Entry], *, epoch: int) -> Iterator[bytes]:
    """Yield the archive's bytes."""
    yield from segment(members, epoch=epoch)
    yield END_OF_ARCHIVE


def open_sink(path: str, context: PlaceContext) -> Archive:
    """See sink.SinkModule."""
    return Archive(context.directory / path)


@contextmanager
def open_image(text: str, context: PlaceContext) -> Iterator[OpenedImage]:
    """See reading.ImageModule."""
    path, name = split_path(text)
    with _open_tar(path) as archive:
        yield image_of_files(f"archive:{path}", partial(_read_member, archive, path), name)


class Archive(msgspec.Struct, frozen=True):
    """The sink ``archive:FILE``."""

    path: Path

    def describe(self) -> str:
        """See Sink.describe."""
        return f"archive:{self.path}"

    def deliver(
        self, images: Sequence[Image], names: Sequence[Reference], blobs: Blobs, progress: Progress
    ) -> Delivered:
        """Write the file under a temporary name beside its own, and rename it. See Sink.deliver."""
        target = destination(self.path)
        action = f"writing {self.path}"
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        total = sum(one.size for one in list_layers(images))
        with progress.task(action, total) as task, storage("writing", self.path):
            members = list_members(images, names, blobs, task)
            try:
                with temporary.open("wb") as stream:
                    for chunk in read_chunks(members, epoch=images[0].created):
                        stream.write(chunk)
                    written = stream.tell()
                    stream.flush()
                    os.fdatasync(stream.fileno())
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
        detail = f"{plural(len(list_layers(images)), 'layer')} in one file"
        evidence = (of_file("archive", str(self.path)),)
        return Delivered(
            "archive", str(self.path), written, detail, tuple(name.podman for name in names), evidence=evidence
        )


@contextmanager
def _open_tar(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        local_file.check_regular(path)
        stream = path.open("rb")
    except OSError as error:
        raise MissingError(
            f"archive:{path}: {(error.strerror or str(error)).lower()}",
            hint="give the path of an image archive: archive:FILE",
        ) from error
    with stream, open_tar(stream, f"archive:{path}") as archive:
        yield archive


def _read_member(archive: tarfile.TarFile, path: Path, member: str, most: int) -> bytes | None:
    # The last member of that name counts, as for whoever unpacks the archive.
    found = [one for one in find_members(archive) if one.name == member]
    stream = archive.extractfile(found[-1]) if found else None
    if stream is None:
        return None
    with stream:
        return stream.read(min(most, found[-1].size) + 1)


def _blob(digest: Digest) -> str:
    return f"blobs/sha256/{digests.hexadecimal(digest)}"
