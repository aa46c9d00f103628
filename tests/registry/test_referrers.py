"""Artifacts that refer to an image, in a registry that lists them and in one that does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.errors import DeniedError
from grocker.images.registry import RegistrySink
from grocker.images.sink import ReferrerSink
from grocker.oci import Document, Image, values
from grocker.oci.artifact import Artifact, artifact
from grocker.oci.reference import parse
from grocker.progress import Silent
from grocker.web import Transport
from tests.support import registry as support
from tests.support.image import made_image
from tests.support.registry import Registry

TYPE = "application/spdx+json"


@pytest.fixture
def registry() -> Iterator[Registry]:
    with support.running() as one:
        yield one


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[RegistrySink]:
    with Transport(environ={}, attempts=1) as transport:
        yield RegistrySink({"HOME": str(tmp_path)}, 1000, transport)


def bill(image: Image, text: bytes) -> Artifact:
    return artifact(image.manifest.descriptor, TYPE, [Document(values.describe(TYPE, text), text)])


def test_attach_pushes_blobs_and_manifest_by_digest(registry: Registry, sink: RegistrySink) -> None:
    assert isinstance(sink, ReferrerSink)
    image, blobs = made_image()
    names = [parse(f"{registry.host}/team/polls:{tag}") for tag in ("1.0", "latest")]
    sink.deliver([image], names, blobs, Silent())
    made = bill(image, b"{}\n")
    sink.attach(made, names)
    assert registry.manifests["team/polls", made.manifest.digest] == (values.MANIFEST, made.manifest.data)
    assert all(registry.blobs["team/polls", one.digest] == one.data for one in made.blobs)
    assert {name for _, name in registry.manifests if ":" not in name} == {"1.0", "latest"}


def test_attach_lists_the_artifacts_by_a_tag_when_the_registry_does_not(registry: Registry, sink: RegistrySink) -> None:
    registry.lists_referrers = False
    image, blobs = made_image()
    names = [parse(f"{registry.host}/team/polls:1.0")]
    sink.deliver([image], names, blobs, Silent())
    first, second = bill(image, b"{}\n"), bill(image, b"[]\n")
    for one in (first, second, first):
        sink.attach(one, names)
    kind, data = registry.manifests["team/polls", image.digest.replace(":", "-")]
    assert kind == values.INDEX
    listed = json.loads(data)["manifests"]
    assert [one["digest"] for one in listed] == sorted([first.manifest.digest, second.manifest.digest])
    assert {one["artifactType"] for one in listed} == {TYPE}


def test_attach_fails_when_the_registry_refuses(registry: Registry, sink: RegistrySink) -> None:
    image, _ = made_image()
    registry.users["bob"] = "right"
    with pytest.raises(DeniedError, match="pushing a blob of an artifact sha256:"):
        sink.attach(bill(image, b"{}\n"), [parse(f"{registry.host}/team/polls:1.0")])
    assert not registry.manifests
