"""The place ``oci:DIR``: an OCI image layout (image-layout.md), written, read and validated.

A reader sees the layout either before or after a delivery: blobs appear first, each by rename, then ``index.json``.
Other images in the layout stay. A failed delivery leaves nothing behind.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from grocker import digest as digests
from grocker import local_file
from grocker.digest import Digest
from grocker.errors import CannotWriteError, MissingError
from grocker.images.contents import describe_root, list_documents, list_layers, read_checked
from grocker.images.file_evidence import of_file
from grocker.images.reading import OpenedImage, image_of_files, split_path
from grocker.images.sink import UP_TO_DATE, Delivered, PlaceContext, plural
from grocker.oci import Blobs, Descriptor, Image, Reference, values
from grocker.oci.artifact import Artifact
from grocker.progress import Progress
from grocker.store.writing import storage

MARKER = "oci-layout"
INDEX = "index.json"


def open_sink(path: str, context: PlaceContext) -> Layout:
    """See sink.SinkModule."""
    return Layout(context.directory / path)


@contextmanager
def open_image(text: str, context: PlaceContext) -> Iterator[OpenedImage]:
    """See reading.ImageModule."""
    path, name = split_path(text)
    if not path.is_dir():
        raise MissingError(f"oci:{path}: no such directory", hint="name an OCI layout: oci:DIR or oci:DIR:NAME")

    def read(member: str, most: int) -> bytes | None:
        try:
            with (path / member).open("rb") as stream:
                return stream.read(most + 1)
        except OSError:
            return None

    yield image_of_files(f"oci:{path}", read, name)


class Layout(msgspec.Struct, frozen=True):
    """The sink ``oci:DIR``."""

    path: Path

    def describe(self) -> str:
        """See Sink.describe."""
        return f"oci:{self.path}"

    def deliver(
        self, images: Sequence[Image], names: Sequence[Reference], blobs: Blobs, progress: Progress
    ) -> Delivered:
        """See Sink.deliver."""
        missing = 0
        written = 0
        all_layers = list_layers(images)
        with storage("writing the layout", self.path), _hold_directory(self.path) as made:
            total = sum(one.size for one in all_layers)
            with progress.task(f"writing {self.path}", total) as task:
                for layer in all_layers:
                    if _has_blob(self.path, layer.descriptor):
                        task.advance(layer.size)
                        continue
                    missing += 1
                    written += _write(_blob_path(self.path, layer.digest), read_checked(layer, blobs, task), made)
            for document in list_documents(images):
                if not _has_blob(self.path, document.descriptor):
                    written += _write(_blob_path(self.path, document.digest), [document.data], made)
            old = read_index(self.path) if (self.path / INDEX).exists() else None
            new = values.encode(_merge(old, images, names))
            if old is None or values.encode(old) != new:
                _write(self.path / INDEX, [new], [])
        count = plural(len(all_layers), "layer")
        detail = f"wrote {missing} of {count}" if written else UP_TO_DATE
        evidence = (of_file("oci", str(self.path / INDEX)),)
        return Delivered(
            "oci", str(self.path), written, detail, tuple(name.podman for name in names), evidence=evidence
        )

    def attach(self, artifact: Artifact, names: Sequence[Reference]) -> tuple[tuple[str, ...], ...]:
        """See ReferrerSink.attach. The artifact has no name; the image that it refers to has."""
        with storage("writing the layout", self.path), _hold_directory(self.path) as made:
            for document in (*artifact.blobs, artifact.manifest):
                if not _has_blob(self.path, document.descriptor):
                    _write(_blob_path(self.path, document.digest), [document.data], made)
            old = read_index(self.path) if (self.path / INDEX).exists() else None
            kept = [one for one in (old.manifests if old else ()) if one.digest != artifact.manifest.digest]
            new = values.encode(_index(old, [*kept, artifact.descriptor]))
            if old is None or values.encode(old) != new:
                _write(self.path / INDEX, [new], [])
        return (of_file("oci", str(self.path / INDEX)),)


def link(path: Path, image: Image, names: Sequence[Reference], blobs: Blobs, files: Iterable[Path]) -> None:
    """Make a layout at ``path``, an empty directory, for a program that reads it at once; nothing is copied.

    ``files``: those of the layers, from the bottom to the top. Raises StorageError, CannotWriteError.
    """
    with storage("writing a layout", path):
        (path / "blobs" / "sha256").mkdir(parents=True)
        for layer, place in zip(image.layers, files, strict=True):
            target = _blob_path(path, layer.digest)
            if not target.is_symlink():
                target.symlink_to(place)
        for document in (image.config, image.manifest):
            _blob_path(path, document.digest).write_bytes(document.data)
        (path / MARKER).write_bytes(values.encode(values.LayoutMarker(values.LAYOUT_VERSION)))
        (path / INDEX).write_bytes(values.encode(_merge(None, [image], names)))


def read_index(path: Path) -> values.Index:
    """Read ``index.json`` of a layout. Raises OSError when it cannot be read, CorruptError when it is malformed."""
    return values.decode(local_file.read(path / INDEX), values.Index, what=str(path / INDEX))


def problems(path: Path) -> tuple[str, ...]:
    """List what is wrong with the layout at ``path``; empty if it is valid. The rules are those of ``oci.validate``."""
    from grocker.oci import validate

    def open_blob(digest: Digest) -> BinaryIO:
        try:
            return _blob_path(path, digest).open("rb")
        except OSError as error:
            raise MissingError(
                f"cannot read {digest}: {error.strerror}", hint="create it again: it is incomplete or damaged"
            ) from error

    found = list(validate.layout(_bytes(path / MARKER), _bytes(path / INDEX), open_blob))
    return tuple(found)


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _blob_path(path: Path, digest: Digest) -> Path:
    return path / "blobs" / "sha256" / digests.hexadecimal(digest)


def _has_blob(path: Path, descriptor: Descriptor) -> bool:
    try:
        return _blob_path(path, values.digest_of(descriptor)).stat().st_size == descriptor.size
    except OSError:
        return False


def _name(descriptor: Descriptor) -> str | None:
    return (descriptor.annotations or {}).get(values.REF_NAME)


def _merge(old: values.Index | None, images: Sequence[Image], names: Sequence[Reference]) -> values.Index:
    """``old`` with the images under their names, in place of what had them; sorted, so that order tells no history."""
    new = list(describe_root(images, names))
    taken = {_name(one) for one in new}
    kept = [one for one in (old.manifests if old else ()) if _name(one) not in taken]
    return _index(old, [*kept, *new])


def _index(old: values.Index | None, manifests: Iterable[Descriptor]) -> values.Index:
    listed = sorted(manifests, key=lambda one: (_name(one) or "", one.digest))
    return values.Index(
        schema_version=2,
        media_type=values.INDEX,
        manifests=tuple(listed),
        annotations=old.annotations if old else None,
    )


@contextmanager
def _hold_directory(path: Path) -> Iterator[list[Path]]:
    """Lock the layout's directory against other builds; if the block fails, remove what it added to the list."""
    if path.exists() and not path.is_dir():
        raise CannotWriteError(
            f"cannot write the layout {path}: it is a file", hint="name a directory: --output oci:DIR"
        )
    made: list[Path] = []
    try:
        for one in (*reversed(path.parents), path):
            if not one.exists():
                one.mkdir(exist_ok=True)
                made.append(one)
        holder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(holder, fcntl.LOCK_EX)
            _claim(path, made)
            yield made
        finally:
            os.close(holder)
    except BaseException:
        for one in reversed(made):
            try:
                one.rmdir() if one.is_dir() else one.unlink()
            except OSError:
                continue  # another build put something there meanwhile, which stays
        raise


def _claim(path: Path, made: list[Path]) -> None:
    """Make the directory a layout, the marker first, so that the next build takes over what a killed one left."""
    for place in (path, path / "blobs" / "sha256"):
        for left in place.glob(".*.tmp"):
            left.unlink(missing_ok=True)
    if not (path / MARKER).exists():
        if any(path.iterdir()):
            raise CannotWriteError(
                f"cannot write the layout {path}: the directory has files and is not an OCI layout",
                hint="name a new or empty directory, or an OCI layout",
            )
        _write(path / MARKER, [values.encode(values.LayoutMarker(values.LAYOUT_VERSION))], made)
    for one in (path / "blobs", path / "blobs" / "sha256"):
        if not one.exists():
            one.mkdir(exist_ok=True)
            made.append(one)


def _write(target: Path, chunks: Iterable[bytes], made: list[Path]) -> int:
    """Write a file whole or not at all, add it to ``made``, and return its size in bytes."""
    temporary = target.with_name(f".{target.name[:32]}.{os.getpid()}.tmp")
    written = 0
    try:
        with temporary.open("wb") as stream:
            for chunk in chunks:
                written += stream.write(chunk)
            stream.flush()
            os.fdatasync(stream.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    made.append(target)
    return written
