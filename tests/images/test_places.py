from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

import pytest

from grocker.errors import CorruptError, DeniedError, GrockerError, StorageError, UnavailableError, UsageError
from grocker.images import archive, docker, layout, podman, registry, store
from grocker.images.archive import Archive
from grocker.images.docker import Docker
from grocker.images.layout import Layout
from grocker.images.places import OUTPUTS, PLACES, default_sink, is_still_there, open_image, open_sink, open_sinks
from grocker.images.podman import Podman
from grocker.images.reading import ImageModule
from grocker.images.registry import RegistrySink
from grocker.images.sink import PlaceContext, SinkModule
from grocker.images.store import StoreSink
from grocker.oci.reading import read_images
from grocker.oci.reference import parse as reference
from grocker.progress import Silent
from grocker.store import Store
from grocker.web import Transport
from tests.support import engine as engines
from tests.support.image import keep, made_image

NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}


SINKS: dict[str, SinkModule] = {
    "docker": docker,
    "podman": podman,
    "registry": registry,
    "store": store,
    "oci": layout,
    "archive": archive,
}
"""held against the protocol by mypy"""
IMAGES: tuple[ImageModule, ...] = (registry, store, layout, archive)
"""likewise"""


def test_text_about_outputs_names_every_place_of_the_table() -> None:
    words = OUTPUTS.replace(" or ", ", ").split(", ")
    assert [word.partition(":")[0] for word in words] == list(PLACES)
    assert {word.partition(":")[0] for word in words if ":" in word} == {
        word for word, place in PLACES.items() if place.takes_path
    }


def test_module_of_a_place_has_what_the_table_promises() -> None:
    for place in PLACES.values():
        module = import_module(f"grocker.images.{place.module}")
        assert hasattr(module, "open_sink"), place.module
        assert hasattr(module, "open_image") or not place.takes_path, place.module
        if place.evidence is not None:
            assert hasattr(import_module(f"grocker.images.{place.evidence}"), "is_still_there"), place.evidence


Hosts = Callable[..., PlaceContext]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Hosts]:
    """Makes contexts with a store and no engine but what a mapping of the environment names."""
    with Store.open(tmp_path / "cache") as own, Transport(environ={}) as transport:

        def made(environ: Mapping[str, str] | None = None) -> PlaceContext:
            return PlaceContext(own, transport, {**NO_ENGINE, **(environ or {})}, tmp_path, 1000)

        yield made


def program(directory: Path, text: str) -> dict[str, str]:
    """An environment whose podman is a script."""
    place = directory / "bin" / "podman"
    place.parent.mkdir()
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(0o755)
    return {"PATH": str(place.parent)}


def test_table_names_the_module_of_each_place() -> None:
    assert {word: f"grocker.images.{place.module}" for word, place in PLACES.items()} == {
        word: module.__name__  # type: ignore[attr-defined]
        for word, module in SINKS.items()
    }


@pytest.mark.parametrize("output", ["oci:layout", "archive:a.tar", "docker"])
def test_place_tells_whether_it_still_has_what_it_was_given(host: Hosts, tmp_path: Path, output: str) -> None:
    made, blobs = made_image()
    with tempfile.TemporaryDirectory() as directory, engines.running(Path(directory)) as engine:
        context = host({"DOCKER_HOST": engine.address})
        [evidence] = open_sink(output, context).deliver([made], [reference("polls:1")], blobs, Silent()).evidence
        assert is_still_there(evidence, context.environ)
        engine.images.clear()
        engine.tags.clear()
        for path in (tmp_path / "layout" / "index.json", tmp_path / "a.tar"):
            path.unlink(missing_ok=True)
        assert not is_still_there(evidence, context.environ)


@pytest.mark.parametrize("evidence", [[], ["podman", "polls:1"], ["nowhere", "x"], ["oci", "/nonexistent"]])
def test_place_is_doubted_when_it_cannot_tell(evidence: list[str]) -> None:
    assert not is_still_there(evidence, {})


@pytest.mark.parametrize("form", ["oci:{}/layout:polls:1", "archive:{}/a.tar", "polls:1"])
def test_open_image_reads_back_what_a_sink_was_given(host: Hosts, tmp_path: Path, form: str) -> None:
    made, blobs = made_image()
    context = host()
    keep(context.store, "polls:1", [made], blobs)
    for output in ("oci:layout", "archive:a.tar", "store"):
        open_sink(output, context).deliver([made], [reference("polls:1")], blobs, Silent())
    with open_image(form.format(tmp_path), context) as found:
        assert read_images(found.root, found.fetch, what=form) == (made,)
        assert [found.layer(one.descriptor) for one in made.layers] == [blobs.blobs[one.digest] for one in made.layers]


@pytest.mark.parametrize("size", [5 << 30, -5])
def test_open_image_reads_no_more_than_a_manifest_may_have(host: Hosts, tmp_path: Path, size: int) -> None:
    made, blobs = made_image()
    open_sink("oci:layout", host()).deliver([made], [reference("polls:1")], blobs, Silent())
    index = tmp_path / "layout" / "index.json"
    index.write_bytes(re.sub(rb'"size":[0-9]+', b'"size":%d' % size, index.read_bytes()))
    with pytest.raises(CorruptError), open_image(f"oci:{tmp_path}/layout", host()):
        pass


@pytest.mark.parametrize(
    ("text", "kind", "described"),
    [
        ("docker", Docker, "docker"),
        ("podman", Podman, "podman"),
        ("registry", RegistrySink, "the registry"),
        ("store", StoreSink, "the store"),
        ("oci:out", Layout, "oci:{}/out"),
        ("oci:/a/b", Layout, "oci:/a/b"),
        ("archive:a:b.tar", Archive, "archive:{}/a:b.tar"),
    ],
)
def test_open_sink_finds_the_sink_when_there_is_one(
    host: Hosts, tmp_path: Path, text: str, kind: type, described: str
) -> None:
    sink = open_sink(text, host())
    assert isinstance(sink, kind)
    assert sink.describe() == described.format(tmp_path)


@pytest.mark.parametrize("text", ["", "oci", "oci:", "archive:", "docker:x", "tar:x", "./out", "/out"])
def test_open_sink_refuses_an_output_when_there_is_none_of_that_name(host: Hosts, tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_sink(text, host())
    assert caught.value.hint == "use docker, podman, registry, store, oci:DIR or archive:FILE"


def test_open_sinks_are_those_named_once_each_and_the_registry_when_pushing(host: Hosts, tmp_path: Path) -> None:
    found = open_sinks(["oci:a", "archive:b", "oci:a"], push=True, context=host())
    assert [type(one).__name__ for one in found] == ["Layout", "Archive", "RegistrySink"]


def test_default_sink_is_docker_when_it_answers(host: Hosts, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as directory, engines.running(Path(directory)) as engine:
        assert isinstance(default_sink(host({"DOCKER_HOST": engine.address})), Docker)


def test_default_sink_is_podman_when_docker_does_not_answer(host: Hosts, tmp_path: Path) -> None:
    assert isinstance(default_sink(host(program(tmp_path, "echo 4.3.1"))), Podman)


@pytest.mark.parametrize("address", ["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:9", "tcp://127.0.0.1:9/"])
def test_podman_that_takes_the_place_of_another_engine_says_so(host: Hosts, tmp_path: Path, address: str) -> None:
    """DOCKER_HOST names an engine: an image that goes elsewhere without a word is looked for in vain."""
    environ = {**program(tmp_path, '[ "$1" = version ]'), "DOCKER_HOST": address}
    made, blobs = made_image()
    progress = Silent()
    with pytest.raises(UnavailableError):
        default_sink(host(environ)).deliver([made], [reference("polls:1")], blobs, progress)
    [(message, hint)] = progress.warnings
    assert message == f"using podman: the Docker engine on {address} cannot be used"
    assert "DOCKER_HOST" in (hint or "")
    progress = Silent()
    with pytest.raises(UnavailableError):
        open_sink("podman", host(environ)).deliver([made], [reference("polls:1")], blobs, progress)
    assert progress.warnings == []


@pytest.mark.parametrize("podman", [None, "echo broken >&2; exit 125"])
def test_default_sink_is_the_store_with_a_hint_when_no_engine_can_be_used(
    host: Hosts, tmp_path: Path, podman: str | None
) -> None:
    environ = {"PATH": "/nonexistent"} if podman is None else program(tmp_path, podman)
    [sink] = open_sinks([], push=False, context=host(environ))
    assert isinstance(sink, StoreSink)
    made, blobs = made_image()
    progress = Silent()
    assert sink.deliver([made], [reference("polls:1")], blobs, progress).kind == "store"
    [(message, hint)] = progress.warnings
    assert "neither docker nor podman" in message
    assert "--output oci:DIR" in (hint or "")


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        (None, UnavailableError, "cannot start podman: No such file or directory"),
        ('echo "Error: something odd" >&2; exit 125', UnavailableError, "something odd"),
        ('echo "Error: writing blob: no space left on device" >&2; exit 125', StorageError, "no space left"),
        (
            'echo "Error: cannot set up namespace using newuidmap: exit status 1" >&2; exit 125',
            DeniedError,
            "newuidmap",
        ),
        ('case "$2" in inspect) exit 1;; esac', UnavailableError, "the name refers to another image"),
    ],
)
def test_podman_fails_with_its_own_words_when_it_does(
    host: Hosts, tmp_path: Path, script: str | None, kind: type[GrockerError], words: str
) -> None:
    environ = {"PATH": "/nonexistent"} if script is None else program(tmp_path, script)
    made, blobs = made_image()
    with pytest.raises(GrockerError) as caught:
        open_sink("podman", host(environ)).deliver([made], [reference("polls:1")], blobs, Silent())
    assert isinstance(caught.value, kind)
    assert words in caught.value.message
    assert caught.value.hint
