from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.errors import GrockerError, StorageError, UnavailableError
from grocker.images import Delivered
from grocker.images.docker import Docker
from grocker.images.engine import Engine
from grocker.oci import Image
from grocker.oci.reference import parse
from grocker.progress import Silent
from tests.support import engine as engines
from tests.support.engine import FakeEngine
from tests.support.image import FailingBlobs, MemoryBlobs, made_image, two_images
from tests.support.processes import wait_until
from tests.support.soci import seekable_image

NAMES = (parse("polls:1.0"), parse("registry.example.invalid/team/polls:1.0"))
LARGE = random.Random(1).randbytes(3000).hex()


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    # A socket's path has 107 bytes at most, and pytest's own directories may be longer.
    with tempfile.TemporaryDirectory() as directory, engines.running(Path(directory)) as one:
        yield one


def delivered(engine: FakeEngine, image: Image, blobs: MemoryBlobs, worth_asking: int = 1 << 20) -> Delivered:
    return Docker(Engine(engine.address), worth_asking).deliver([image], NAMES, blobs, Silent())


def failure(engine: FakeEngine) -> GrockerError:
    with pytest.raises(GrockerError) as caught:
        delivered(engine, *made_image())
    return caught.value


def test_docker_gets_the_whole_image_when_it_has_nothing(engine: FakeEngine) -> None:
    image, blobs = made_image()
    done = delivered(engine, image, blobs)
    assert (done.kind, done.place, done.detail) == ("docker", "polls:1.0", "sent 3 layers")
    assert engine.tags == {
        "polls:1.0": image.config.digest,
        "registry.example.invalid/team/polls:1.0": image.config.digest,
    }
    assert done.new_bytes == next(size for method, _, size in engine.requests if method == "POST")


def test_docker_gets_nothing_when_it_has_the_image_under_its_names(engine: FakeEngine) -> None:
    image, blobs = made_image()
    delivered(engine, image, blobs)
    engine.requests.clear()
    blobs.opened.clear()
    assert delivered(engine, image, blobs).new_bytes == 0
    assert blobs.opened == []
    assert [method for method, _, _ in engine.requests] == ["GET", "GET"]


def test_docker_gets_the_image_when_it_lacks_one_of_the_names(engine: FakeEngine) -> None:
    image, blobs = made_image()
    delivered(engine, image, blobs)
    del engine.tags["registry.example.invalid/team/polls:1.0"]
    assert delivered(engine, image, blobs).detail == "sent 0 of 3 layers"
    assert engine.tags["registry.example.invalid/team/polls:1.0"] == image.config.digest


def test_docker_gets_only_the_top_when_it_has_the_chain_below(engine: FakeEngine) -> None:
    delivered(engine, *made_image("a", "b", "c"))
    image, blobs = made_image("a", "b", "d")
    assert delivered(engine, image, blobs).detail == "sent 1 of 3 layers"
    assert blobs.opened == [image.layers[-1].digest]
    assert engine.tags["polls:1.0"] == image.config.digest


def test_docker_gets_all_above_when_a_lower_layer_changed(engine: FakeEngine) -> None:
    delivered(engine, *made_image("a", "b", "c"))
    image, blobs = made_image("a", "x", "c")
    assert delivered(engine, image, blobs).detail == "sent 2 of 3 layers"
    assert engine.layers[-1] == [f"blobs/sha256/{one.digest[7:]}" for one in image.layers[1:]]


def test_docker_is_asked_for_other_images_when_much_is_missing(engine: FakeEngine) -> None:
    image, blobs = made_image(LARGE, "b", "c")
    delivered(engine, image, blobs)
    engine.tags.clear()
    image, blobs = made_image(LARGE, "b", "d")
    assert delivered(engine, image, blobs, worth_asking=1000).detail == "sent 1 of 3 layers"


def test_docker_gets_the_whole_image_when_layers_went_away_meanwhile(engine: FakeEngine) -> None:
    delivered(engine, *made_image("a", "b", "c"))
    engine.forgets = True
    image, blobs = made_image("a", "b", "d")
    assert delivered(engine, image, blobs).detail == "sent 3 layers"
    assert [len(one) for one in engine.layers] == [3, 1, 3]


def test_docker_gets_the_whole_image_when_it_keeps_blobs_in_containerd(engine: FakeEngine) -> None:
    delivered(engine, *made_image("a", "b", "c"))
    engine.containerd = True
    assert delivered(engine, *made_image("a", "b", "d")).detail == "sent 3 layers"


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (200, b'{"stream":"x"}\n{"error":"bad \\u001b[2Jarchive"}\n', UnavailableError, "docker: bad [2Jarchive"),
        (200, b'{"errorDetail":{"message":"write /x: no space left on device"}}', StorageError, "no space left"),
        (500, b'{"message":"something broke"}', UnavailableError, "something broke"),
        (500, b"", UnavailableError, "status 500"),
        (200, b'{"stream":"but nothing is there"}', UnavailableError, "the name refers to another image"),
    ],
)
def test_docker_fails_with_the_engines_words_when_it_refuses(
    engine: FakeEngine, status: int, body: bytes, kind: type[GrockerError], words: str
) -> None:
    engine.load_status, engine.load_body = status, body
    error = failure(engine)
    assert isinstance(error, kind)
    assert words in error.message
    assert error.message.startswith("loading polls:1.0 into docker")
    assert error.hint


def test_docker_fails_with_the_engines_words_when_it_answers_before_all_is_sent(engine: FakeEngine) -> None:
    engine.answers_early = True
    engine.load_status, engine.load_body = 500, b'{"message":"write /var/lib/x: no space left on device"}'
    made, blobs = made_image(random.Random(2).randbytes(3_000_000).hex())
    with pytest.raises(StorageError, match="no space left on device"):
        delivered(engine, made, blobs)


def test_docker_fails_when_the_engine_hangs_up(engine: FakeEngine) -> None:
    engine.hangs_up = True
    assert "closed the connection without an answer" in failure(engine).message


def test_docker_answers_only_when_an_engine_is_there(engine: FakeEngine, tmp_path: Path) -> None:
    assert Docker(Engine(engine.address)).answers()
    assert not Docker(Engine(f"unix://{tmp_path}/none")).answers()
    engine.hangs_up = True
    assert not Docker(Engine(engine.address)).answers()


@pytest.mark.parametrize("number", [0, 1])
def test_docker_gets_the_image_of_its_own_platform_when_there_are_several(engine: FakeEngine, number: int) -> None:
    images, blobs = two_images()
    engine.platform = ("linux", images[number].platform.architecture)
    done = Docker(Engine(engine.address)).deliver(images, NAMES, blobs, Silent())
    assert engine.tags["polls:1.0"] == images[number].config.digest
    assert done.detail == f"sent 2 layers, {images[number].platform} of linux/amd64 and linux/arm64"
    assert done.names == ("polls:1.0", "registry.example.invalid/team/polls:1.0")
    assert done.evidence == tuple(
        ("docker", name, images[number].config.digest, images[number].digest) for name in done.names
    )


def test_docker_gets_the_only_image_whatever_its_platform(engine: FakeEngine) -> None:
    images, blobs = two_images()
    assert Docker(Engine(engine.address)).deliver(images[1:], NAMES, blobs, Silent()).detail == "sent 2 layers"
    assert ("GET", "/version", 0) not in engine.requests


@pytest.mark.parametrize("platform", [("linux", "riscv64"), ("windows", "amd64")])
def test_docker_is_refused_when_no_image_is_for_its_platform(engine: FakeEngine, platform: tuple[str, str]) -> None:
    engine.platform = platform
    images, blobs = two_images()
    with pytest.raises(GrockerError) as caught:
        Docker(Engine(engine.address)).deliver(images, NAMES, blobs, Silent())
    if platform[0] == "linux":
        assert caught.value.message == "docker runs linux/riscv64, but the images are for linux/amd64 and linux/arm64"
        assert "--platform linux/riscv64" in (caught.value.hint or "")
    assert engine.layers == []


def test_docker_makes_a_damaged_layer_be_forgotten(engine: FakeEngine) -> None:
    image, blobs = made_image()
    failing = FailingBlobs(image, blobs, None)
    with pytest.raises(GrockerError, match="is damaged"):
        delivered(engine, image, failing)
    assert failing.forgotten == [image.layers[-1].digest]


def test_docker_gets_no_soci_index(engine: FakeEngine) -> None:
    image, blobs = seekable_image()
    assert image.soci is not None
    delivered(engine, image, blobs)
    assert not {one.digest for one in image.soci.tables} & {*blobs.opened}


def rebuilt(engine: FakeEngine, image: Image, blobs: MemoryBlobs) -> Delivered:
    """The image, delivered as by a rebuild: docker was asked for its names before."""
    sink = Docker(Engine(engine.address))
    sink.ask(NAMES)
    try:
        return sink.deliver([image], NAMES, blobs, Silent())
    finally:
        sink.cancel()


def test_load_begins_before_the_image_is_there(engine: FakeEngine) -> None:
    delivered(engine, *made_image("a", "b", "c"))
    engine.requests.clear()
    sink = Docker(Engine(engine.address))
    sink.ask(NAMES)
    wait_until(lambda: engine.begun == ["/images/load?quiet=1"])
    image, blobs = made_image("a", "b", "d")
    done = sink.deliver([image], NAMES, blobs, Silent())
    assert (done.detail, engine.layers[-1]) == ("sent 1 of 3 layers", [f"blobs/sha256/{image.layers[-1].digest[7:]}"])
    assert set(engine.tags.values()) == {image.config.digest}
    [load] = [size for method, _, size in engine.requests if method == "POST"]
    assert load == done.new_bytes
    assert (len(engine.begun), engine.abandoned) == (1, [])


def test_no_load_begins_for_a_name_that_docker_does_not_have(engine: FakeEngine) -> None:
    image, blobs = made_image()
    assert rebuilt(engine, image, blobs).detail == "sent 3 layers"
    assert engine.begun == []


def test_no_load_begins_where_whole_archives_are_wanted(engine: FakeEngine) -> None:
    delivered(engine, *made_image("a", "b", "c"))
    engine.containerd = True
    assert rebuilt(engine, *made_image("a", "b", "d")).detail == "sent 3 layers"
    assert engine.begun == []


def test_begun_load_is_abandoned_when_there_is_nothing_to_load(engine: FakeEngine) -> None:
    image, blobs = made_image()
    delivered(engine, image, blobs)
    assert rebuilt(engine, image, blobs).new_bytes == 0
    wait_until(lambda: len(engine.abandoned) == 1)
    assert set(engine.tags.values()) == {image.config.digest}


def test_begun_load_is_abandoned_when_the_build_fails(engine: FakeEngine) -> None:
    delivered(engine, *made_image())
    sink = Docker(Engine(engine.address))
    sink.ask(NAMES)
    sink.cancel()
    wait_until(lambda: len(engine.abandoned) == 1)


@pytest.mark.parametrize("fault", ["forgets", "hangs_up_late"])
def test_whole_image_is_sent_when_the_begun_load_fails(engine: FakeEngine, fault: str) -> None:
    delivered(engine, *made_image("a", "b", "c"))
    setattr(engine, fault, True)
    image, blobs = made_image("a", "b", "d")
    assert rebuilt(engine, image, blobs).detail == "sent 3 layers"
    assert len(engine.begun) == 1
    assert set(engine.tags.values()) == {image.config.digest}


def test_name_that_moved_meanwhile_is_loaded_again(engine: FakeEngine) -> None:
    image, blobs = made_image("a", "b", "c")
    delivered(engine, image, blobs)
    other = made_image("a", "b", "x")
    sink = Docker(Engine(engine.address))
    sink.ask(NAMES)
    wait_until(lambda: bool(engine.begun))
    delivered(engine, *other)
    sink.deliver([image], NAMES, blobs, Silent())
    assert set(engine.tags.values()) == {image.config.digest}
