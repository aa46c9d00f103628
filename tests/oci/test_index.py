from __future__ import annotations

import json

import pytest

from grocker.errors import BugError
from grocker.oci import Platform
from grocker.oci.index import find_image, index, root
from tests.support.image import AMD64, ARM64, made_image, two_images


def test_index_has_each_manifest_with_its_platform_whatever_their_order() -> None:
    (amd64, arm64), _ = two_images()
    document = index([arm64, amd64])
    assert document == index([amd64, arm64])
    kind = "application/vnd.oci.image.manifest.v1+json"
    assert json.loads(document.data) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {
                "mediaType": kind,
                "digest": one.digest,
                "size": len(one.manifest.data),
                "platform": {"architecture": architecture, "os": "linux"},
            }
            for one, architecture in ((amd64, "amd64"), (arm64, "arm64"))
        ],
    }
    assert document.descriptor.media_type == "application/vnd.oci.image.index.v1+json"


@pytest.mark.parametrize("count", [0, 2])
def test_index_is_refused_when_nobody_could_tell_which_to_take(count: int) -> None:
    with pytest.raises(BugError):
        index([made_image()[0]] * count)


def test_root_is_the_manifest_of_one_image_and_the_index_of_several() -> None:
    images, _ = two_images()
    assert root(images[:1]) == images[0].manifest
    assert root(images) == index(images)


@pytest.mark.parametrize(
    ("own", "found"),
    [
        (AMD64, AMD64),
        (ARM64, ARM64),
        (Platform("linux", "arm64", "v9"), ARM64),
        (Platform("linux", "riscv64"), None),
        (Platform("windows", "amd64"), None),
    ],
)
def test_fitting_is_the_image_that_a_machine_runs(own: Platform, found: Platform | None) -> None:
    one = find_image(two_images()[0], own)
    assert (one.platform if one else None) == found
