from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker import digest as digests
from grocker.errors import BugError, CorruptError, UsageError
from grocker.oci import Platform, RunConfig, image, layer, values
from grocker.oci.platforms import parse

DIGEST = digests.of(b"compressed")
DIFF_ID = digests.of(b"plain")


def test_image_has_literal_documents_when_everything_is_given() -> None:
    made = image(
        [layer(digest=DIGEST, size=10, diff_id=DIFF_ID, title="the application")],
        platform=Platform("linux", "amd64"),
        run=RunConfig(
            user="1000:0",
            exposed_ports=values.string_set("8081/tcp", "8080/tcp"),
            env=("PATH=/bin",),
            entrypoint=("/opt/grocker/bin/grocker-runner", "run"),
            volumes=values.string_set("/media", "/config"),
            working_dir="/scripts",
            labels={"org.grocker.contract": "1"},
            stop_signal="SIGTERM",
        ),
        created=315532800,
    )
    assert made.config.data == (
        b'{"architecture":"amd64","config":{"Entrypoint":["/opt/grocker/bin/grocker-runner","run"],'
        b'"Env":["PATH=/bin"],"ExposedPorts":{"8080/tcp":{},"8081/tcp":{}},"Labels":{"org.grocker.contract":"1"},'
        b'"StopSignal":"SIGTERM","User":"1000:0","Volumes":{"/config":{},"/media":{}},"WorkingDir":"/scripts"},'
        b'"created":"1980-01-01T00:00:00Z","history":[{"comment":"the application","created":"1980-01-01T00:00:00Z",'
        b'"created_by":"grocker"}],"os":"linux","rootfs":{"diff_ids":["' + DIFF_ID.encode() + b'"],"type":"layers"}}'
    )
    assert made.manifest.data == (
        b'{"config":{"digest":"' + made.config.digest.encode() + b'","mediaType":'
        b'"application/vnd.oci.image.config.v1+json","size":' + str(len(made.config.data)).encode() + b"},"
        b'"layers":[{"digest":"' + DIGEST.encode() + b'","mediaType":"application/vnd.oci.image.layer.v1.tar+gzip",'
        b'"size":10}],"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}'
    )
    assert made.digest == digests.of(made.manifest.data)
    assert made.size == 10 + len(made.config.data) + len(made.manifest.data)


def test_layer_kind_is_an_annotation_of_its_descriptor_in_the_manifest() -> None:
    plain = layer(digest=DIGEST, size=10, diff_id=DIFF_ID, title="django")
    wheel = layer(digest=DIGEST, size=10, diff_id=DIFF_ID, title="wheel django", kind="wheel")
    made = image([plain, wheel], platform=Platform("linux", "amd64"), run=RunConfig(), created=0)
    assert (plain.kind, wheel.kind) == (None, "wheel")
    listed = json.loads(made.manifest.data)["layers"]
    assert "annotations" not in listed[0]
    assert listed[1]["annotations"] == {"org.grocker.layer.kind": "wheel"}


@pytest.mark.parametrize("count", [0, 128])
def test_image_is_refused_when_no_engine_could_run_it(count: int) -> None:
    with pytest.raises(BugError):
        image(
            [layer(digest=DIGEST, size=10, diff_id=DIFF_ID, title="x")] * count,
            platform=Platform("linux", "amd64"),
            run=RunConfig(),
            created=1,
        )


@given(st.dictionaries(st.text(), st.text()), st.randoms())
def test_encode_does_not_depend_on_the_order_of_keys(labels: dict[str, str], random: object) -> None:
    items = list(labels.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert values.encode(RunConfig(labels=labels)) == values.encode(RunConfig(labels=dict(items)))
    assert json.loads(values.encode(RunConfig(labels=labels)))["Labels"] == labels


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"schemaVersion":"2"}', b"[" * 100000, b"\xff"])
def test_decode_refuses_bytes_when_they_are_no_such_document(data: bytes) -> None:
    with pytest.raises(CorruptError, match="the manifest"):
        values.decode(data, values.Manifest, what="the manifest")


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/amd64", Platform("linux", "amd64")),
        ("amd64", Platform("linux", "amd64")),
        ("linux/x86_64", Platform("linux", "amd64")),
        ("linux/arm64/v8", Platform("linux", "arm64")),
        ("aarch64", Platform("linux", "arm64")),
        ("linux/arm/v7", Platform("linux", "arm", "v7")),
    ],
)
def test_platform_is_parsed_when_it_is_written_as_docker_does(text: str, platform: Platform) -> None:
    assert parse(text) == platform
    assert parse(str(platform)) == platform


@pytest.mark.parametrize("text", ["", "windows/amd64", "linux/", "linux/a b", "linux/arm/v7/x", "/"])
def test_platform_is_refused_when_it_is_none(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)
