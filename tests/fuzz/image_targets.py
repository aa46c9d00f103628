"""Parsers of images in directories and archives."""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cache

from grocker.digest import Digest
from grocker.errors import GrockerError
from grocker.images import archive, inspection, layout
from grocker.images.reading import OpenedImage
from grocker.images.sink import PlaceContext
from grocker.oci import Image, validate, values
from grocker.oci.reading import read_images
from grocker.progress import Silent
from grocker.store import Store
from grocker.web import Transport
from tests.fuzz.target import Target, empty_directory, join, parts, scratch, with_checksums, write
from tests.support.image import grockers_image, made_image

_MARKER = b'{"imageLayoutVersion":"1.0.0"}'


@cache
def _context() -> PlaceContext:
    return PlaceContext(Store(scratch() / "store"), Transport(environ={}), {}, scratch(), 1000)


def _inspect(opened: AbstractContextManager[OpenedImage]) -> None:
    with opened as source:
        for one in read_images(source.root, source.fetch, what="it"):
            inspection._inspected(one, source)


def _files(made: Image, blobs: Mapping[Digest, bytes]) -> dict[str, bytes]:
    index = values.Index(schema_version=2, manifests=(made.manifest.descriptor,), media_type=values.INDEX)
    all_blobs = {**blobs, made.config.digest: made.config.data, made.manifest.digest: made.manifest.data}
    return {
        "oci-layout": _MARKER,
        "index.json": values.encode(index),
        **{f"blobs/sha256/{digest[7:]}": data for digest, data in all_blobs.items()},
    }


def _read_layout(data: bytes) -> None:
    """An index, and the manifest, configuration and layer that it leads to, under the digests that they have."""
    index, manifest, config, packed = parts(data, 4)
    manifest = _fill(_fill(manifest, "LAYER", packed), "CONFIG", config)
    index = _fill(index, "MANIFEST", manifest)
    place = empty_directory("layout")
    (place / "blobs" / "sha256").mkdir(parents=True)
    for blob in (packed, config, manifest):
        (place / "blobs" / "sha256" / values.describe("", blob).digest[7:]).write_bytes(blob)
    (place / "oci-layout").write_bytes(_MARKER)
    (place / "index.json").write_bytes(index)
    layout.problems(place)
    _inspect(layout.open_image(str(place), _context()))


def _fill(text: bytes, name: str, blob: bytes) -> bytes:
    digest = values.describe("", blob).digest.encode()
    return text.replace(b"@%s@" % name.encode(), digest).replace(b"@%s-SIZE@" % name.encode(), b"%d" % len(blob))


def _hollow(text: bytes, name: str, blob: bytes) -> bytes:
    """The opposite of ``_fill``, so that mutations of what is referred to keep the reference."""
    digest = values.describe("", blob).digest.encode()
    text = text.replace(digest, b"@%s@" % name.encode())
    return text.replace(b'"size":%d' % len(blob), b'"size":@%s-SIZE@' % name.encode())


def _layouts() -> list[bytes]:
    found = []
    for made, blobs in (made_image(texts=("one",)), grockers_image()):
        packed = blobs.blobs[made.layers[-1].digest]
        manifest = _hollow(_hollow(made.manifest.data, "LAYER", packed), "CONFIG", made.config.data)
        index = _hollow(_files(made, {})["index.json"], "MANIFEST", made.manifest.data)
        found.append(join(index, manifest, made.config.data, packed))
    return found


def _read_archive(data: bytes) -> None:
    _inspect(archive.open_image(str(write("image.tar", with_checksums(data))), _context()))


def _archives() -> list[bytes]:
    found = []
    for made, blobs in (made_image(texts=("one",)), grockers_image()):
        with Silent().task("") as task:
            members = archive.list_members([made], [], blobs, task)
            found.append(b"".join(archive.read_chunks(members, epoch=made.created)))
    return found


def _judge_layer(kind: str, packed: bytes) -> None:
    descriptor = values.describe(kind, packed)
    list(validate.layer(descriptor, "sha256:" + "0" * 64, lambda _: io.BytesIO(packed)))


def _read_layer(data: bytes) -> None:
    _judge_layer(values.LAYER, with_checksums(data))


def _read_packed_layer(data: bytes) -> None:
    _judge_layer(values.LAYER_GZIP, data)


def _layers() -> list[bytes]:
    _, blobs = grockers_image()
    return [gzip.decompress(data) for data in blobs.blobs.values()]


_JSON = (b"{}", b"[]", b"null", b"-1", b"1e400", b'"\\ud800"', b"[[", b'"size":-5', b'"size":99999999999', b'{"a":')

TARGETS = (
    Target("layout", _read_layout, (GrockerError,), _layouts, (*_JSON, b"@LAYER@", b"@CONFIG@"), 1_200),
    Target("archive", _read_archive, (GrockerError,), _archives, (*_JSON, b"index.json", b"ustar\0", b"blobs/"), 1_450),
    Target("layer", _read_layer, (), _layers, (b"../", b"ustar\0", b"x" * 100, b"1", b"2", b"L", b"K"), 3_000),
    Target(
        "packed-layer",
        _read_packed_layer,
        (),
        lambda: [*grockers_image()[1].blobs.values()],
        (b"\x1f\x8b\x08",),
        6_750,
    ),
)
