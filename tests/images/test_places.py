from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grocker.errors import DeniedError, GrockerError, StorageError, UnavailableError, UsageError
from grocker.images.archive import Archive
from grocker.images.docker import Docker
from grocker.images.layout import Layout
from grocker.images.places import Host, StoreAlone, default, parse, sinks
from grocker.images.podman import Podman
from grocker.images.registry import Registry
from grocker.oci.reference import parse as reference
from grocker.progress import Silent
from grocker.web import Transport
from tests.support import engine as engines
from tests.support.image import made_image

NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}


@contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


def host(tmp_path: Path, environ: dict[str, str] | None = None) -> Host:
    return Host({**NO_ENGINE, **(environ or {})}, tmp_path, 1000, lambda: Transport(environ={}), scratch)


def program(directory: Path, text: str) -> dict[str, str]:
    """An environment whose podman is a script."""
    place = directory / "bin" / "podman"
    place.parent.mkdir()
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(0o755)
    return {"PATH": str(place.parent)}


@pytest.mark.parametrize(
    ("text", "kind", "described"),
    [
        ("docker", Docker, "docker"),
        ("podman", Podman, "podman"),
        ("registry", Registry, "the registry"),
        ("store", StoreAlone, "the store alone"),
        ("oci:out", Layout, "oci:{}/out"),
        ("oci:/a/b", Layout, "oci:/a/b"),
        ("archive:a:b.tar", Archive, "archive:{}/a:b.tar"),
    ],
)
def test_parse_finds_the_sink_when_there_is_one(tmp_path: Path, text: str, kind: type, described: str) -> None:
    sink = parse(text, host(tmp_path))
    assert isinstance(sink, kind)
    assert sink.describe() == described.format(tmp_path)


@pytest.mark.parametrize("text", ["", "oci", "oci:", "archive:", "docker:x", "tar:x", "./out", "/out"])
def test_parse_refuses_an_output_when_there_is_none_of_that_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, host(tmp_path))
    assert caught.value.hint == "name docker, podman, registry, store, oci:DIR or archive:FILE"


def test_sinks_are_those_named_once_each_and_the_registry_when_pushing(tmp_path: Path) -> None:
    found = sinks(["oci:a", "archive:b", "oci:a"], push=True, host=host(tmp_path))
    assert [type(one).__name__ for one in found] == ["Layout", "Archive", "Registry"]


def test_default_is_docker_when_it_answers(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as directory, engines.running(Path(directory)) as engine:
        assert isinstance(default(host(tmp_path, {"DOCKER_HOST": engine.address})), Docker)


def test_default_is_podman_when_docker_does_not_answer(tmp_path: Path) -> None:
    assert isinstance(default(host(tmp_path, program(tmp_path, "echo 4.3.1"))), Podman)


@pytest.mark.parametrize("podman", [None, "echo broken >&2; exit 125"])
def test_default_is_the_store_with_a_hint_when_no_engine_can_be_used(tmp_path: Path, podman: str | None) -> None:
    environ = {"PATH": "/nonexistent"} if podman is None else program(tmp_path, podman)
    [sink] = sinks([], push=False, host=host(tmp_path, environ))
    assert isinstance(sink, StoreAlone)
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
        ('case "$2" in inspect) exit 1;; esac', UnavailableError, "has another image there"),
    ],
)
def test_podman_fails_with_its_own_words_when_it_does(
    tmp_path: Path, script: str | None, kind: type[GrockerError], words: str
) -> None:
    environ = {"PATH": "/nonexistent"} if script is None else program(tmp_path, script)
    made, blobs = made_image()
    with pytest.raises(GrockerError) as caught:
        parse("podman", host(tmp_path, environ)).deliver([made], [reference("polls:1")], blobs, Silent())
    assert isinstance(caught.value, kind)
    assert words in caught.value.message
    assert caught.value.hint
