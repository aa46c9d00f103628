from __future__ import annotations

import json
import re
from typing import Any

import pytest

from grocker import digest as digests
from grocker.errors import CorruptError, MissingError
from grocker.oci import Image
from grocker.oci.index import index
from grocker.oci.platforms import parse
from grocker.oci.reading import Fetch, parse_root, read_images
from grocker.oci.values import Descriptor
from tests.support.image import AMD64, ARM64, made_image, two_images


def fetch(*made: Image, more: dict[str, bytes] | None = None) -> Fetch:
    known = dict(more or {})
    for one in made:
        known |= {one.digest: one.manifest.data, one.config.digest: one.config.data}
    return lambda descriptor: known[descriptor.digest]


def changed(data: bytes, change: Any) -> bytes:
    document = json.loads(data)
    change(document)
    return json.dumps(document).encode()


def test_images_are_what_was_written() -> None:
    made, _ = two_images()
    assert read_images(index(made), fetch(*made), what="polls") == tuple(made)
    assert read_images(made[0].manifest, fetch(*made), what="polls") == (made[0],)
    assert read_images(index(made), fetch(made[1]), what="polls", platform=ARM64) == (made[1],)


def test_images_are_missing_when_none_is_for_the_platform() -> None:
    made, _ = two_images()
    for top in (index(made), made[0].manifest):
        with pytest.raises(MissingError, match="polls has no image for linux/riscv64"):
            read_images(top, fetch(*made), what="polls", platform=parse("riscv64"))


def test_images_of_an_index_leave_out_what_is_beside_them() -> None:
    made, _ = two_images()

    def attest(document: dict[str, Any]) -> None:
        beside = {"os": "unknown", "architecture": "unknown"}
        document["manifests"].append({**document["manifests"][0], "digest": digests.of(b"x"), "platform": beside})

    top = parse_root(changed(index(made).data, attest))
    assert read_images(top, fetch(*made), what="polls") == tuple(made)


@pytest.mark.parametrize("size", [b"-1", b"-5000000000", b"9223372036854775808", b"1e400", b"1.5"])
def test_images_are_corrupt_when_a_size_is_none(size: bytes) -> None:
    made, _ = two_images()
    data = re.sub(rb'"size":[0-9]+', b'"size":' + size, made[0].manifest.data, count=1)
    with pytest.raises(CorruptError, match="malformed"):
        read_images(parse_root(data), fetch(*made), what="polls")


def test_images_are_corrupt_when_a_document_is_not_utf8() -> None:
    made, _ = two_images()
    for data in (made[0].manifest.data.replace(b"sha256:", b"\xff", 1), index(made).data.replace(b"linux", b"\xff", 1)):
        with pytest.raises(CorruptError, match="malformed"):
            read_images(parse_root(data), fetch(*made), what="polls")


def test_images_have_platforms_when_the_index_does_not_say_them() -> None:
    made, _ = two_images()

    def unsay(document: dict[str, Any]) -> None:
        for one in document["manifests"]:
            del one["platform"]

    top = parse_root(changed(index(made).data, unsay))
    assert read_images(top, fetch(*made), what="polls", platform=AMD64) == (made[0],)


@pytest.mark.parametrize(
    ("kind", "served", "found"),
    [
        ("manifest", None, "application/vnd.oci.image.manifest.v1+json"),
        ("manifest", "text/plain", "application/vnd.oci.image.manifest.v1+json"),
        ("manifest", "application/vnd.docker.distribution.manifest.v2+json",
         "application/vnd.docker.distribution.manifest.v2+json"),
        ("index", None, "application/vnd.oci.image.index.v1+json"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("says", [True, False])
def test_root_is_what_it_says_or_looks_like(kind: str, served: str | None, found: str, says: bool) -> None:
    made, _ = two_images()
    data = made[0].manifest.data if kind == "manifest" else index(made).data
    if not says:
        data = changed(data, lambda document: document.pop("mediaType"))
    assert parse_root(data, served).descriptor == Descriptor(media_type=found, digest=digests.of(data), size=len(data))


@pytest.mark.parametrize("data", [b"{}", b'{"schemaVersion": 1, "fsLayers": []}'])
def test_images_are_refused_when_the_document_is_of_no_known_kind(data: bytes) -> None:
    with pytest.raises(CorruptError, match="is not an image"):
        read_images(parse_root(data), fetch(), what="polls")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda made: {made.config.digest: b"{}"}, "of 2 bytes"),
        (lambda made: {made.digest: made.manifest.data + b" "}, "expected"),
    ],
)
def test_images_are_refused_when_a_document_is_another(change: Any, words: str) -> None:
    made, _ = two_images()
    with pytest.raises(CorruptError, match=words):
        read_images(index(made), _with(fetch(*made), change(made[0])), what="polls")


def _with(known: Fetch, other: dict[str, bytes]) -> Fetch:
    return lambda descriptor: other.get(descriptor.digest) or known(descriptor)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["layers"].pop(), "lists 2 layers, but its configuration lists 3"),
        (lambda d: d["config"].update(size=5 << 20), "a configuration of 5242880 bytes"),
        (lambda d: d["config"].update(digest="md5:0"), "unsupported digest"),
        (lambda d: d.update(layers=5), "is malformed"),
    ],
)
def test_images_are_refused_when_the_manifest_is_wrong(change: Any, words: str) -> None:
    made, _ = made_image()
    top = parse_root(changed(made.manifest.data, change))
    with pytest.raises(CorruptError, match=words):
        read_images(top, fetch(made), what="polls")
