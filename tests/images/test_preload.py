"""Layers that a Docker engine gets before the image is whole."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.images import Delivered
from grocker.images.docker import Docker
from grocker.images.engine import Engine
from grocker.images.sink import LayerSink
from grocker.oci import Image
from grocker.oci.reference import parse
from grocker.progress import Silent
from tests.support import engine as engines
from tests.support.engine import FakeEngine
from tests.support.image import AMD64, EPOCH, MemoryBlobs, made_image

pytestmark = pytest.mark.slow

NAMES = (parse("polls:1.0"),)
LARGE = tuple(random.Random(seed).randbytes(1_100_000).hex() for seed in range(3))


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with tempfile.TemporaryDirectory() as directory, engines.running(Path(directory)) as one:
        yield one


def built(docker: Docker, image: Image, blobs: MemoryBlobs, *, settle: bool = True) -> Delivered:
    """As a build does; ``settle``: each layer has arrived before the next is there."""
    try:
        for layer in image.layers:
            docker.offer(layer, blobs, AMD64, EPOCH)
            thread = docker._ahead._thread if docker._ahead is not None else None
            if settle and thread is not None:
                thread.join()
        return docker.deliver([image], NAMES, blobs, Silent())
    finally:
        docker.withdraw()


def sent(engine: FakeEngine) -> list[int]:
    """How many layers came with each load."""
    return [len(names) for names in engine.layers]


def test_large_layers_are_there_when_the_image_comes(engine: FakeEngine) -> None:
    image, blobs = made_image(LARGE[0], "small", LARGE[1], "top")
    done = built(Docker(Engine(engine.address)), image, blobs)
    assert sent(engine) == [1, 2, 1]
    assert done.detail == "sent 4 layers"
    assert done.new_bytes == sum(size for method, path, size in engine.requests if method == "POST")
    assert list(engine.images) == [image.config.digest]
    assert engine.tags == {"polls:1.0": image.config.digest}
    assert isinstance(Docker(Engine(engine.address)), LayerSink)


def test_image_arrives_when_its_layers_come_faster_than_they_are_sent(engine: FakeEngine) -> None:
    image, blobs = made_image(*LARGE, "top")
    assert built(Docker(Engine(engine.address)), image, blobs, settle=False).detail == "sent 4 layers"
    assert sum(sent(engine)) == 4
    assert list(engine.images) == [image.config.digest]


def test_nothing_is_sent_ahead_when_it_is_not_worth_an_image(engine: FakeEngine) -> None:
    image, blobs = made_image("a", "b")
    built(Docker(Engine(engine.address)), image, blobs)
    assert sent(engine) == [2]


def test_nothing_is_sent_ahead_when_the_engine_keeps_blobs(engine: FakeEngine) -> None:
    engine.containerd = True
    image, blobs = made_image(LARGE[0], "top")
    built(Docker(Engine(engine.address)), image, blobs)
    assert sent(engine) == [2]


def test_what_the_engine_has_is_not_sent_ahead(engine: FakeEngine) -> None:
    built(Docker(Engine(engine.address)), *made_image(LARGE[0], "top"))
    engine.layers.clear()
    done = built(Docker(Engine(engine.address)), *made_image(LARGE[0], LARGE[1], "top"))
    assert sent(engine) == [0, 1, 1]
    assert done.detail == "sent 2 of 3 layers"


def test_image_is_sent_whole_when_what_was_sent_ahead_went_away(engine: FakeEngine) -> None:
    image, blobs = made_image(LARGE[0], "top")
    docker = Docker(Engine(engine.address))
    docker.offer(image.layers[0], blobs, AMD64, EPOCH)
    assert docker._ahead is not None
    docker._ahead.end()
    engine.images.clear()
    done = docker.deliver([image], NAMES, blobs, Silent())
    docker.withdraw()
    assert done.detail == "sent 2 layers"
    assert engine.tags == {"polls:1.0": image.config.digest}


def test_image_is_sent_whole_when_it_is_another_than_was_offered(engine: FakeEngine) -> None:
    docker = Docker(Engine(engine.address))
    image, blobs = made_image(LARGE[0], "top")
    other, others = made_image(LARGE[1], "top")
    docker.offer(image.layers[0], blobs, AMD64, EPOCH)
    assert docker.deliver([other], NAMES, others, Silent()).detail == "sent 2 layers"
    docker.withdraw()
    assert list(engine.images) == [other.config.digest]


@pytest.mark.parametrize("trouble", ["refused", "gone", "damaged"])
def test_trouble_is_left_to_the_image_when_nothing_can_be_sent_ahead(engine: FakeEngine, trouble: str) -> None:
    image, blobs = made_image(LARGE[0], "top")
    docker = Docker(Engine(engine.address if trouble != "gone" else "unix:///nonexistent"))
    if trouble == "refused":
        engine.load_body = b'{"error":"no"}'
    given = MemoryBlobs({image.layers[0].digest: b"damaged"}) if trouble == "damaged" else blobs
    docker.offer(image.layers[0], given, AMD64, EPOCH)
    assert docker._ahead is not None
    assert docker._ahead.end() is None
    engine.load_body = b""
    docker.engine = Engine(engine.address)
    assert docker.deliver([image], NAMES, blobs, Silent()).detail == "sent 2 layers"
    docker.withdraw()


def test_nothing_is_left_when_the_build_fails(engine: FakeEngine) -> None:
    image, blobs = made_image(LARGE[0], LARGE[1], "top")
    docker = Docker(Engine(engine.address))
    docker.offer(image.layers[0], blobs, AMD64, EPOCH)
    docker.withdraw()
    assert engine.images == {}
    assert docker._ahead is None
