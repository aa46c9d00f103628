"""``grocker push`` and ``grocker load``, as command lines on a store of made images."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from grocker.cli.main import run
from grocker.oci.index import index
from grocker.store import Store
from tests.support import engine as engines
from tests.support import registry as registries
from tests.support.engine import FakeEngine
from tests.support.image import grockers_image, keep, made_image, two_images
from tests.support.registry import Registry


@dataclass
class Shown:
    """What a command line gave."""

    status: int
    out: str
    err: str


Grocker = Callable[..., Shown]


@pytest.fixture
def grocker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Grocker:
    for name in ("DOCKER_HOST", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GROCKER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")

    def call(*arguments: str) -> Shown:
        capsys.readouterr()
        status = run(list(arguments))
        shown = capsys.readouterr()
        return Shown(status, shown.out, shown.err)

    return call


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "cache") as one:
        yield one


@pytest.fixture
def registry() -> Iterator[Registry]:
    with registries.running() as one:
        yield one


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with tempfile.TemporaryDirectory() as directory, engines.running(Path(directory)) as one:
        yield one


def test_push_sends_a_kept_image_to_the_registry_of_its_name(
    grocker: Grocker, store: Store, registry: Registry
) -> None:
    images, blobs = two_images()
    keep(store, f"{registry.host}/team/polls:1.0", images, blobs)
    shown = grocker("push", f"{registry.host}/team/polls:1.0")
    digest = index(images).digest
    assert (shown.status, shown.out) == (0, f"{registry.host}/team/polls@{digest}\n")
    assert f"registry: {registry.host}/team/polls:1.0: sent 5 of 5 blobs" in shown.err
    assert registry.manifests["team/polls", "1.0"][1] == index(images).data


def test_push_sends_a_kept_image_under_other_names_and_says_what_it_did(
    grocker: Grocker,
    store: Store,
    registry: Registry,
) -> None:
    made, blobs = made_image()
    keep(store, "polls:1.0", [made], blobs)
    names = [f"{registry.host}/{name}" for name in ("team/polls:1.0", "team/polls", "other/polls:1.0")]
    shown = grocker("push", "--json", "-q", "polls:1.0", *names)
    assert (shown.status, shown.err) == (0, "")
    result = json.loads(shown.out)
    assert (result["name"], result["digest"]) == ("polls:1.0", made.digest)
    assert result["images"] == [
        {"platform": "linux/amd64", "digest": made.digest, "config": made.config.digest, "size": made.size}
    ]
    [output] = result["outputs"]
    tagged = [f"{name}@{made.digest}" for name in (names[0], f"{names[1]}:latest", names[2])]
    assert output["names"] == tagged
    assert output["blobs"] == {"sent": 4, "mounted": 4, "present": 0}
    assert registry.manifests["other/polls", "1.0"]


def test_push_mounts_what_an_earlier_one_sent_elsewhere(grocker: Grocker, store: Store, registry: Registry) -> None:
    made, blobs = made_image()
    keep(store, "polls:1.0", [made], blobs)
    assert grocker("push", "polls:1.0", f"{registry.host}/a").status == 0
    shown = grocker("push", "polls:1.0", f"{registry.host}/b")
    assert "sent 0 of 4 blobs, 4 mounted" in shown.err


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["push", "none:1"], 66, "Grocker's store has no image none:1\nhint: the store has: polls:1.0"),
        (["push", "polls"], 66, "Grocker's store has no image polls:latest\nhint: did you mean polls:1.0?"),
        (["push", "polls:?"], 64, "is not a tag"),
        (["push", "polls:1.0", "a@b"], 64, "is not a digest"),
        (["push"], 64, "Missing argument"),
        (["load", "none:1"], 66, "has no image none:1"),
        (["load", "polls:1.0", "--into", "rkt"], 64, "rkt"),
        (["load", "polls:1.0", "--into", "docker"], 69, "does not answer"),
    ],
)
def test_command_fails_with_its_status(
    grocker: Grocker, store: Store, arguments: list[str], status: int, words: str
) -> None:
    keep(store, "polls:1.0", [(made := made_image())[0]], made[1])
    shown = grocker(*arguments)
    assert (shown.status, shown.out) == (status, "")
    assert words in shown.err


def test_push_says_which_credentials_were_refused(
    grocker: Grocker, store: Store, registry: Registry, tmp_path: Path
) -> None:
    registry.users["bob"] = "right"
    entry = {"auth": base64.b64encode(b"bob:hunter2").decode()}
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(json.dumps({"auths": {registry.host: entry}}))
    keep(store, "polls:1.0", [(made := made_image())[0]], made[1])
    shown = grocker("push", "polls:1.0", f"{registry.host}/polls")
    assert shown.status == 77
    assert f"sent: the credentials of bob in {tmp_path}/.docker/config.json" in shown.err
    assert "hunter2" not in shown.err


def test_push_says_build_again_when_layers_are_damaged_and_takes_them_away(
    grocker: Grocker, store: Store, registry: Registry
) -> None:
    made, blobs = made_image()
    keep(store, "polls:1.0", [made], blobs)
    for layer in made.layers[:2]:
        place = store.blob(layer.digest)
        assert place is not None
        place.write_bytes(bytes(layer.size))
    shown = grocker("push", "polls:1.0", f"{registry.host}/polls")
    assert shown.status == 65
    assert "is damaged\nhint: build again (the damaged file was deleted)" in shown.err
    assert [store.blob(layer.digest) is None for layer in made.layers] == [True, True, False]
    shown = grocker("push", "polls:1.0", f"{registry.host}/polls")
    assert (shown.status, "build again" in shown.err) == (66, True)


def test_load_gives_the_engine_the_image_of_its_platform(
    grocker: Grocker, store: Store, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.address)
    images, blobs = two_images()
    keep(store, "polls:1.0", images, blobs)
    engine.platform = ("linux", "arm64")
    shown = grocker("load", "polls:1.0", "--json")
    assert json.loads(shown.out)["outputs"][0]["place"] == "polls:1.0"
    assert engine.tags["polls:1.0"] == images[1].config.digest
    assert "docker: polls:1.0: sent 2 layers, linux/arm64 of linux/amd64 and linux/arm64" in shown.err


def test_load_says_what_to_do_when_there_is_no_engine(
    grocker: Grocker, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    made, blobs = grockers_image()
    keep(store, "polls:1.0", [made], blobs)
    shown = grocker("load", "polls:1.0")
    assert shown.status == 69
    assert "neither docker nor podman is available" in shown.err
