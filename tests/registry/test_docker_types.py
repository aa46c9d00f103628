"""Registries that refuse OCI's media types get the same blobs with Docker's, and the digest says so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest
from msgspec.structs import replace

from grocker import registry as registries
from grocker.errors import CannotWriteError
from grocker.oci import Image, values
from grocker.oci.index import root
from grocker.oci.reading import parse_root, read_images
from grocker.oci.reference import parse
from grocker.oci.values import Descriptor, Index, Manifest
from grocker.progress import Silent
from grocker.registry import Credentials, MountCandidates, PushResult
from grocker.registry.docker_types import with_docker_types
from grocker.tar.entry import File
from grocker.web import Transport
from tests.support import registry as support
from tests.support.image import MemoryBlobs, made_image, made_layer, two_images
from tests.support.registry import Registry
from tests.support.soci import seekable_image

NOBODY = Credentials("no credentials (test)")
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def errors(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


@pytest.fixture
def registry() -> Iterator[Registry]:
    with support.running() as one:
        one.refused_types = "oci"
        yield one


@pytest.fixture
def transport() -> Iterator[Transport]:
    with Transport(environ={}, attempts=2, sleep=lambda _: None) as one:
        yield one


def pushed(
    transport: Transport,
    registry: Registry,
    images: Sequence[Image],
    blobs: MemoryBlobs,
    tags: str = "1.0",
    progress: Silent | None = None,
) -> PushResult:
    names = [parse(f"{registry.host}/team/polls:{tag}") for tag in tags.split()]
    state = registries.inspect_repository(transport, lambda: NOBODY, names)
    return registries.push(state, images, blobs, progress or Silent(), candidates=MountCandidates())


REFUSALS = [
    (415, b""),
    (406, b""),
    (400, errors("MANIFEST_INVALID", "media type not supported")),
    (405, errors("UNSUPPORTED", "manifest is not supported")),
    (422, b"unknown content type"),
    (400, errors("UNKNOWN", "unsupported mediaType")),
]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_push_uses_dockers_types_when_the_registry_refuses_those_of_oci(
    registry: Registry, transport: Transport, refusal: tuple[int, bytes]
) -> None:
    registry.type_refusal = refusal
    image, blobs = made_image()
    progress = Silent()
    done = pushed(transport, registry, [image], blobs, "1.0 latest", progress)
    kind, data = registry.manifests["team/polls", "1.0"]
    assert registry.manifests["team/polls", "latest"] == (kind, data)
    manifest = values.decode(data, Manifest, what="it")
    assert kind == manifest.media_type == "application/vnd.docker.distribution.manifest.v2+json"
    assert manifest.config.media_type == "application/vnd.docker.container.image.v1+json"
    assert {one.media_type for one in manifest.layers} == {DOCKER_LAYER}
    assert [one.digest for one in manifest.layers] == [one.digest for one in image.layers]
    assert b"annotations" not in data
    # What is printed is the digest of what was pushed.
    digest = parse_root(data, kind).digest
    assert {one.digest for one in done.names} == {digest} != {image.digest}
    assert ("team/polls", digest) in registry.manifests
    [(message, _)] = progress.warnings
    assert "Docker's media types" in message and digest in message
    assert (done.sent_blobs, done.has_docker_types, done.new) == (4, True, True)


def test_push_of_the_same_image_with_dockers_types_is_one_request(registry: Registry, transport: Transport) -> None:
    image, blobs = made_image()
    first = pushed(transport, registry, [image], blobs)
    registry.requests.clear()
    progress = Silent()
    again = pushed(transport, registry, [image], blobs, progress=progress)
    assert registry.requests == [("GET", "/v2/team/polls/manifests/1.0")]
    assert not again.new
    assert again.names == first.names
    assert len(progress.warnings) == 1


def test_push_adds_a_name_to_an_image_with_dockers_types(registry: Registry, transport: Transport) -> None:
    image, blobs = made_image()
    first = pushed(transport, registry, [image], blobs)
    registry.requests.clear()
    done = pushed(transport, registry, [image], blobs, "1.0 latest")
    assert {one.digest for one in done.names} == {first.names[0].digest}
    assert registry.asked("PUT") == 1


def test_push_of_a_changed_image_with_dockers_types_sends_what_changed(
    registry: Registry, transport: Transport
) -> None:
    pushed(transport, registry, *_one("a", "b", "c"))
    done = pushed(transport, registry, *_one("a", "b", "d"))
    assert (done.sent_blobs, done.present_blobs, done.has_docker_types) == (2, 2, True)


def _one(*texts: str) -> tuple[list[Image], MemoryBlobs]:
    image, blobs = made_image(*texts)
    return [image], blobs


@pytest.mark.parametrize("refused", ["oci", "oci.image.index"])
def test_push_uses_dockers_types_for_an_index(registry: Registry, transport: Transport, refused: str) -> None:
    registry.refused_types = refused
    registry.type_refusal = (400, errors("MANIFEST_INVALID", "manifest list not supported"))
    images, blobs = two_images()
    done = pushed(transport, registry, images, blobs)
    kind, data = registry.manifests["team/polls", "1.0"]
    listed = values.decode(data, Index, what="it")
    assert kind == listed.media_type == "application/vnd.docker.distribution.manifest.list.v2+json"
    assert {one.media_type for one in listed.manifests} == {"application/vnd.docker.distribution.manifest.v2+json"}
    assert {one.platform.architecture for one in listed.manifests if one.platform} == {"amd64", "arm64"}
    assert all(registry.manifests["team/polls", one.digest][0] == one.media_type for one in listed.manifests)
    assert done.names[0].digest == parse_root(data, kind).digest != root(images).digest

    def fetch(one: Descriptor) -> bytes:
        found = registry.manifests.get(("team/polls", one.digest))
        return found[1] if found else registry.blobs["team/polls", one.digest]

    assert [one.config for one in read_images(parse_root(data, kind), fetch, what="it")] == [
        replace(one.config, descriptor=replace(one.config.descriptor, media_type=_CONFIG)) for one in images
    ]


_CONFIG = "application/vnd.docker.container.image.v1+json"


@pytest.mark.parametrize(
    ("body", "hint"),
    [(b"", "build for one --platform"), (errors("UNSUPPORTED", "no pushes"), "accepts pushes")],
)
def test_push_fails_for_good_when_dockers_types_are_refused_too(
    registry: Registry, transport: Transport, body: bytes, hint: str
) -> None:
    registry.refused_types = "."
    registry.type_refusal = (415, body)
    image, blobs = made_image()
    progress = Silent()
    with pytest.raises(CannotWriteError) as caught:
        pushed(transport, registry, [image], blobs, progress=progress)
    assert f"pushing the manifest {image.digest[:19]} to" in caught.value.message
    assert hint in (caught.value.hint or "")
    assert not registry.manifests and not progress.warnings


@pytest.mark.parametrize(
    ("status", "body"), [(400, errors("TAG_INVALID", "the tag is immutable")), (409, b""), (413, b""), (418, b"")]
)
def test_push_sends_no_other_bytes_for_any_other_refusal(
    registry: Registry, transport: Transport, status: int, body: bytes
) -> None:
    registry.refused_types = "."
    registry.type_refusal = (status, body)
    image, blobs = made_image()
    with pytest.raises(CannotWriteError):
        pushed(transport, registry, [image], blobs)
    assert registry.asked("PUT", "manifests") == 1


def test_docker_has_no_type_for_a_layer_in_zstd() -> None:
    image, _ = made_image("a")
    [layer] = image.layers
    packed = replace(layer, descriptor=replace(layer.descriptor, media_type=values.LAYER_ZSTD))
    assert with_docker_types([replace(image, layers=(packed,))]) is None


def test_refusal_of_an_image_in_zstd_names_the_remedy(registry: Registry, transport: Transport) -> None:
    image, blobs = made_image(texts=(), layers=[made_layer("packed", [File("a", b"a")], zstd=True)])
    with pytest.raises(CannotWriteError) as caught:
        pushed(transport, registry, [image], blobs)
    assert (caught.value.hint or "").endswith('if it does not support zstd, build with compression = "gzip"')


def test_soci_index_is_left_out_where_docker_has_no_type_for_it(registry: Registry, transport: Transport) -> None:
    image, blobs = seekable_image()
    progress = Silent()
    done = pushed(transport, registry, [image], blobs, progress=progress)
    assert done.has_docker_types
    assert "lazy pulling does not work" in progress.warnings[0][0]
    kind, data = registry.manifests["team/polls", "1.0"]
    assert kind == values.DOCKER_MANIFEST
    assert b"soci" not in data
    assert {stored for _, stored in registry.manifests.values()} == {data}
