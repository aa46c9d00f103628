"""Whether an OCI image layout is valid: Grocker's own check, independent of what wrote the layout.

Everything reachable from ``index.json`` is read once: sizes and digests of all blobs, the layers' uncompressed digests
against the configuration, and the tars themselves. Stricter than the specification where this project promises more:
one time for all entries of a layer, no path twice, no owner names.
Sources: OCI image specification, image-layout.md, image-index.md, manifest.md, config.md, layer.md.
"""

from __future__ import annotations

import gzip
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from grocker import zstd
from grocker.digest import Digest, Hashing
from grocker.errors import GrockerError
from grocker.oci import values
from grocker.oci.values import Descriptor, ImageConfig, Index, LayoutMarker, Manifest

_CHUNK = 1 << 20
_LARGEST_DOCUMENT = 4 << 20  # bytes; what registries accept for a manifest (distribution-spec, Pushing Manifests)
_MOST_BEYOND = 16
"""reads at the end of a layer"""

Open = Callable[[Digest], BinaryIO]
"""Opens a blob of the layout; raises GrockerError when it cannot."""


def layout(marker: bytes | None, index: bytes | None, open_blob: Open) -> tuple[str, ...]:
    """The problems of a layout, none if it is valid.

    ``marker`` and ``index``: the bytes of ``oci-layout`` and ``index.json``, None where there is no such file.
    """
    return tuple(_layout(marker, index, open_blob))


def _layout(marker: bytes | None, index: bytes | None, open_blob: Open) -> Iterator[str]:
    if marker is None or index is None:
        yield f"{'oci-layout' if marker is None else 'index.json'} is missing"
        return
    try:
        version = values.decode(marker, LayoutMarker, what="oci-layout").version
        document = values.decode(index, Index, what="index.json")
    except GrockerError as error:
        yield error.message
        return
    if version != values.LAYOUT_VERSION:
        yield f"oci-layout has version {version}, expected {values.LAYOUT_VERSION}"
    yield from _index(document, "index.json", open_blob, depth=0)


def _index(document: Index, what: str, open_blob: Open, depth: int) -> Iterator[str]:
    if document.schema_version != 2:
        yield f"{what} has schema version {document.schema_version}, not 2"
    if document.media_type not in (None, values.INDEX):
        yield f"{what} calls itself {document.media_type}"
    if not document.manifests:
        yield f"{what} lists no manifest"
    names = [(one.annotations or {}).get(values.REF_NAME) for one in document.manifests]
    for name in sorted({name for name in names if name is not None and names.count(name) > 1}):
        yield f"{what} lists {name} twice"
    platforms = [
        "/".join(filter(None, (one.platform.os, one.platform.architecture, one.platform.variant)))
        for one in document.manifests
        if depth and one.platform is not None and one.artifact_type is None
    ]
    for platform in sorted({one for one in platforms if platforms.count(one) > 1}):
        yield f"{what} has two images for {platform}"
    for one in document.manifests:
        if depth and one.platform is None:
            yield f"{what} does not say which platform {one.digest} is for"
        if one.media_type == values.INDEX and depth < 2:
            data, problem = _document(one, open_blob)
            if data is None:
                yield problem
                continue
            try:
                yield from _index(values.decode(data, Index, what=one.digest), one.digest, open_blob, depth + 1)
            except GrockerError as error:
                yield error.message
        elif one.media_type == values.MANIFEST:
            yield from _manifest(one, open_blob)
        else:
            yield f"{what} lists {one.digest} of unknown type {one.media_type}"


def _manifest(descriptor: Descriptor, open_blob: Open) -> Iterator[str]:
    what = f"manifest {descriptor.digest}"
    data, problem = _document(descriptor, open_blob)
    if data is None:
        yield problem
        return
    try:
        manifest = values.decode(data, Manifest, what=what)
    except GrockerError as error:
        yield error.message
        return
    if manifest.schema_version != 2 or manifest.media_type != values.MANIFEST:
        yield f"{what} has schema version {manifest.schema_version} and calls itself {manifest.media_type}"
    if manifest.artifact_type is not None:
        for one in (manifest.config, *manifest.layers):
            problem = _blob(one, open_blob)
            if problem:
                yield problem
        return
    if manifest.config.media_type != values.CONFIG:
        yield f"{what} has a configuration of type {manifest.config.media_type}"
        return
    data, problem = _document(manifest.config, open_blob)
    if data is None:
        yield problem
        return
    try:
        config = values.decode(data, ImageConfig, what=f"configuration {manifest.config.digest}")
    except GrockerError as error:
        yield error.message
        return
    yield from _config(config, manifest, descriptor)
    for one, diff_id in zip(manifest.layers, config.rootfs.diff_ids, strict=False):
        yield from layer(one, diff_id, open_blob)


def _config(config: ImageConfig, manifest: Manifest, descriptor: Descriptor) -> Iterator[str]:
    what = f"configuration {manifest.config.digest}"
    if config.rootfs.type != "layers":
        yield f"{what} has a rootfs of type {config.rootfs.type}"
    if len(config.rootfs.diff_ids) != len(manifest.layers):
        yield f"{what} lists {len(config.rootfs.diff_ids)} layers, but its manifest {len(manifest.layers)}"
    if config.history is not None:
        filled = sum(1 for one in config.history if not one.empty_layer)
        if filled != len(manifest.layers):
            yield f"{what} has a history of {filled} layers, but its manifest lists {len(manifest.layers)}"
    said = descriptor.platform
    if said is not None and (said.os, said.architecture, said.variant) != (
        config.os,
        config.architecture,
        config.variant,
    ):
        yield f"{what} is for {config.os}/{config.architecture}, its index says {said.os}/{said.architecture}"


def _document(descriptor: Descriptor, open_blob: Open) -> tuple[bytes | None, str]:
    """The bytes that a descriptor names, or None and what is wrong with them."""
    if descriptor.size > _LARGEST_DOCUMENT:
        return None, f"{descriptor.digest} is too large for a document: {descriptor.size} bytes"
    try:
        digest = values.digest_of(descriptor)
        with open_blob(digest) as stream:
            data = stream.read(_LARGEST_DOCUMENT + 1)
    except GrockerError as error:
        return None, error.message
    hashing = Hashing()
    hashing.update(data)
    problem = _differs(descriptor, hashing)
    return (None, problem) if problem else (data, "")


def _blob(descriptor: Descriptor, open_blob: Open) -> str:
    """What is wrong with a blob of an artifact, of any size; empty when it is right."""
    hashing = Hashing()
    try:
        with open_blob(values.digest_of(descriptor)) as stream:
            for _ in hashing.through(iter(lambda: stream.read(_CHUNK), b"")):
                pass
    except GrockerError as error:
        return error.message
    return _differs(descriptor, hashing)


def _differs(descriptor: Descriptor, hashing: Hashing) -> str:
    if hashing.size != descriptor.size:
        return f"{descriptor.digest} has {hashing.size} bytes, its descriptor says {descriptor.size}"
    if hashing.digest() != descriptor.digest:
        return f"{descriptor.digest} has the digest {hashing.digest()}"
    return ""


class _Passing:
    """A stream that hashes what is read from it."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile | zstd.FrameReader) -> None:
        self._stream = stream
        self.hashing = Hashing()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(_CHUNK if size < 0 else size)
        self.hashing.update(data)
        return data

    def drain(self) -> None:
        while data := self._stream.read(_CHUNK):
            self.hashing.update(data)


class _Tar(_Passing):
    """That of a tar archive: tarfile skips what a member claims to have by reading on, behind the end too.

    That is allowed a few times.
    """

    _beyond = 0

    def read(self, size: int = -1) -> bytes:
        data = super().read(size)
        self._beyond += not data
        if self._beyond > _MOST_BEYOND:
            raise tarfile.ReadError("truncated")
        return data


def layer(descriptor: Descriptor, diff_id: str, open_blob: Open) -> Iterator[str]:
    """The problems of one layer: its bytes, its tar's digest, its entries."""
    what = f"layer {descriptor.digest}"
    if descriptor.media_type not in (values.LAYER, values.LAYER_GZIP, values.LAYER_ZSTD):
        yield f"{what} has the type {descriptor.media_type}, which is not supported"
        return
    try:
        digest = values.digest_of(descriptor)
        source = open_blob(digest)
    except GrockerError as error:
        yield error.message
        return
    with source:
        compressed: _Passing
        if descriptor.media_type == values.LAYER:
            compressed = plain = _Tar(source)
        else:
            compressed = _Passing(source)
            plain = _Tar(_unpacked(descriptor.media_type, compressed))
        broken = ""
        try:
            with tarfile.open(fileobj=plain, mode="r|") as archive:  # type: ignore[call-overload]
                for problem in entries(archive):
                    yield f"{what}: {problem}"
            plain.drain()
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            broken = f"{what} is not a well-formed archive: {error}"
        compressed.drain()
        problem = _differs(descriptor, compressed.hashing)
        if problem:
            yield problem
        elif broken:
            yield broken
        elif plain.hashing.digest() != diff_id:
            yield f"{what} unpacks to {plain.hashing.digest()}, its configuration says {diff_id}"


def _unpacked(media_type: str, compressed: _Passing) -> zstd.FrameReader | gzip.GzipFile:
    if media_type == values.LAYER_ZSTD:
        return zstd.FrameReader(compressed)
    return gzip.GzipFile(fileobj=cast(BinaryIO, compressed), mode="rb")


def entries(archive: tarfile.TarFile) -> Iterator[str]:
    """The problems of a layer's entries."""
    seen: set[str] = set()
    links: dict[str, str] = {}
    times: set[float] = set()
    for entry in archive:
        path = entry.name.rstrip("/") if entry.isdir() else entry.name
        times.add(entry.mtime)
        if not path or path.startswith("/") or posixpath.normpath(path) != path or path.split("/")[0] == "..":
            yield f"the path {entry.name!r} leaves the root or is not normalised"
            continue
        if path in seen:
            yield f"/{path} appears twice"
        parent = posixpath.dirname(path)
        if parent and parent not in seen:
            yield f"/{path} comes before its directory"
        inside = next((above for above in _above(path) if above in links), None)
        if inside is not None:
            yield f"/{path} is below the link /{inside}"
        seen.add(path)
        if entry.issym():
            links[path] = entry.linkname
        elif entry.islnk() and entry.linkname not in seen:
            yield f"/{path} is a hard link to {entry.linkname!r}, which is not in the layer before it"
        elif not (entry.isreg() or entry.isdir() or entry.islnk()):
            yield f"/{path} is a device, a pipe or of an unknown type"
        if entry.uname or entry.gname:
            yield f"/{path} names its owner {entry.uname or entry.gname}"
    if len(times) > 1:
        yield f"its entries have {len(times)} different modification times"


def _above(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path
