"""What an engine gets of layers that zstd compressed: plain tars, checked as others are."""

from __future__ import annotations

import pytest

from grocker.errors import CorruptError
from grocker.images.contents import read_checked
from grocker.images.plain_layers import with_plain_layers
from grocker.oci import Image, values
from grocker.oci.values import Manifest
from grocker.progress import Silent
from grocker.tar.entry import File
from tests.support.image import MemoryBlobs, made_image, made_layer

TASK = Silent().task("reading")


def mixed() -> tuple[Image, MemoryBlobs]:
    """An image with a layer of zstd between two of gzip."""
    below = [
        made_layer("below", [File("below", b"b")]),
        made_layer("packed", [File("packed", bytes(range(250)) * 36)], zstd=True),
    ]
    return made_image("above", layers=below)


def test_layers_that_nobody_reads_stay_as_they_are() -> None:
    image, blobs = mixed()
    plain, _ = with_plain_layers(image, blobs, known=2)
    assert plain == image
    assert blobs.opened == []


def test_damaged_header_is_found_and_the_packed_layer_forgotten() -> None:
    image, blobs = mixed()
    packed = image.layers[1].digest
    blobs.blobs[packed] = bytes(5) + blobs.blobs[packed][5:]
    with pytest.raises(CorruptError, match="damaged"):
        with_plain_layers(image, blobs)
    assert blobs.forgotten == [packed]


def test_layers_are_plain_and_the_configuration_stays() -> None:
    image, blobs = mixed()
    plain, read = with_plain_layers(image, blobs)
    assert plain.config == image.config
    assert [one.descriptor.media_type for one in plain.layers] == [
        values.LAYER_GZIP,
        values.LAYER,
        values.LAYER_GZIP,
    ]
    assert plain.layers[1].digest == image.layers[1].diff_id
    assert (plain.layers[0], plain.layers[2]) == (image.layers[0], image.layers[2])
    manifest = values.decode(plain.manifest.data, Manifest, what="it")
    assert manifest.layers == tuple(one.descriptor for one in plain.layers)
    for one in plain.layers:
        assert sum(map(len, read_checked(one, read, TASK))) == one.size


@pytest.mark.parametrize("place", [30, -6])
def test_damage_is_found_and_the_packed_layer_forgotten(place: int) -> None:
    image, blobs = mixed()
    packed = image.layers[1].digest
    data = bytearray(blobs.blobs[packed])
    data[place] ^= 0xFF
    blobs.blobs[packed] = bytes(data)
    plain, read = with_plain_layers(image, blobs)
    with pytest.raises(CorruptError, match="damaged"):
        list(read_checked(plain.layers[1], read, TASK))
    assert blobs.forgotten == [packed]
