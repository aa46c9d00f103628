"""SOCI indexes: beside the image in one index, each naming the other."""

from __future__ import annotations

import json

import pytest

from grocker import digest as digests
from grocker.errors import CorruptError
from grocker.oci import Descriptor, Image, layer, values
from grocker.oci.image import Document
from grocker.oci.index import index, root
from grocker.oci.reading import parse_root, read_images
from grocker.oci.soci import LEAST, is_worth, make_index, read_index
from tests.support.image import ARM64, made_image, two_images
from tests.support.soci import seekable_image, with_table


def fetch_from(*images: Image) -> dict[str, bytes]:
    return {document.digest: document.data for one in images for document in one.documents}


def test_index_is_what_snapshotters_read() -> None:
    made, blobs = seekable_image()
    assert made.soci is not None
    [table] = made.soci.tables
    manifest = json.loads(made.soci.manifest.data)
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["config"] == {
        "mediaType": "application/vnd.amazon.soci.index.v2+json",
        "digest": digests.of(b"{}"),
        "size": 2,
    }
    assert made.soci.config.data == b"{}"
    assert manifest["layers"] == [
        {
            "mediaType": "application/octet-stream",
            "digest": table.digest,
            "size": len(blobs.blobs[table.digest]),
            "annotations": {
                "com.amazon.soci.image-layer-digest": made.layers[0].digest,
                "com.amazon.soci.image-layer-mediaType": values.LAYER_GZIP,
                "com.amazon.soci.span-size": "4",
            },
        }
    ]
    annotations = json.loads(made.manifest.data)["annotations"]
    assert annotations == {"com.amazon.soci.index-digest": made.soci.manifest.digest}


def test_image_comes_before_its_index_where_engines_choose() -> None:
    made, _ = seekable_image()
    assert made.soci is not None
    top = root([made])
    assert top == index([made])
    first, second = json.loads(top.data)["manifests"]
    assert first["digest"] == made.digest
    assert "artifactType" not in first
    assert second == {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": made.soci.manifest.digest,
        "size": len(made.soci.manifest.data),
        "platform": {"architecture": "amd64", "os": "linux"},
        "artifactType": "application/vnd.amazon.soci.index.v2+json",
        "annotations": {"com.amazon.soci.image-manifest-digest": made.digest},
    }


def test_images_of_all_platforms_come_before_all_indexes() -> None:
    images, blobs = two_images()
    made = [with_table(one, blobs, one.layers[0], str(one.platform).encode())[0] for one in images]
    listed = json.loads(root(made[::-1]).data)["manifests"]
    assert [one["platform"]["architecture"] for one in listed] == ["amd64", "arm64", "amd64", "arm64"]
    assert ["artifactType" in one for one in listed] == [False, False, True, True]
    read = read_images(root(made), lambda d: fetch_from(*made)[d.digest], what="polls", platform=ARM64)
    assert [one.soci for one in read] == [made[1].soci]


def test_image_is_read_back_with_its_index() -> None:
    made, _ = seekable_image()
    [read] = read_images(root([made]), lambda d: fetch_from(made)[d.digest], what="polls")
    assert read.soci == made.soci
    assert root([read]) == root([made])


def test_index_that_the_image_does_not_name_is_left_out() -> None:
    made, _ = seekable_image()
    plain, _ = made_image("other")
    assert made.soci is not None
    listed = json.loads(root([made]).data)
    listed["manifests"][0].update(digest=plain.digest, size=len(plain.manifest.data))
    listed["manifests"][1]["annotations"]["com.amazon.soci.image-manifest-digest"] = plain.digest
    found = fetch_from(made, plain)
    [read] = read_images(parse_root(json.dumps(listed).encode()), lambda d: found[d.digest], what="polls")
    assert (read.digest, read.soci) == (plain.digest, None)


def test_index_of_another_shape_is_left_out() -> None:
    data = json.dumps(
        {"schemaVersion": 2, "config": {"mediaType": "x", "digest": digests.of(b"x"), "size": 1}, "layers": []}
    ).encode()
    assert read_index(Document(Descriptor(values.MANIFEST, digests.of(data), len(data)), data)) is None


def test_damaged_index_is_refused() -> None:
    data = b'{"schemaVersion": 2}'
    with pytest.raises(CorruptError, match="the SOCI index"):
        read_index(Document(Descriptor(values.MANIFEST, digests.of(data), len(data)), data))


def test_only_large_layers_of_gzip_have_tables() -> None:
    def of(size: int, kind: str = values.LAYER_GZIP) -> bool:
        return is_worth(
            layer(digest=digests.of(b""), size=size, diff_id=digests.of(b""), title="debian", media_type=kind)
        )

    assert [of(LEAST), of(LEAST - 1), of(LEAST, values.LAYER_ZSTD)] == [True, False, False]


def test_image_without_a_table_has_no_index() -> None:
    made, _ = made_image()
    assert make_index({}, made.layers, span=4) is None
    assert root([made]) == made.manifest
