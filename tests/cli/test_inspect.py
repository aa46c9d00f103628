"""``grocker inspect``, as a command line, wherever the image is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grocker import digest as digests
from grocker import registry as registries
from grocker.cli.main import run
from grocker.images.archive import Archive
from grocker.images.layout import Layout
from grocker.images.store import reference_key
from grocker.oci.index import index
from grocker.oci.reference import parse
from grocker.progress import Silent
from grocker.registry import Credentials, MountCandidates
from grocker.store import Store
from grocker.tar.entry import File
from grocker.web import Transport
from tests.support import registry as support
from tests.support.image import AMD64, ARM64, MemoryBlobs, grockers_image, keep, made_image, made_layer
from tests.support.registry import Registry, Tokens

NOBODY = Credentials("no credentials (test)")
BOTH = "localhost/polls:1.0, localhost/polls:2.0"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GROCKER_CACHE", str(tmp_path / "cache"))
    with Store.open(tmp_path / "cache") as one:
        yield one


@pytest.fixture
def registry() -> Iterator[Registry]:
    with support.running() as one:
        yield one


def both() -> tuple[list[Any], MemoryBlobs]:
    amd64, blobs = grockers_image(AMD64)
    arm64, more = grockers_image(ARM64)
    return [amd64, arm64], MemoryBlobs(blobs.blobs | more.blobs)


def pushed(registry: Registry, images: list[Any], blobs: MemoryBlobs) -> str:
    name = parse(f"{registry.host}/team/polls:1.0")
    with Transport(environ={}) as transport:
        registries.push(
            registries.inspect_repository(transport, lambda: NOBODY, [name]),
            images,
            blobs,
            Silent(),
            candidates=MountCandidates(),
        )
    registry.requests.clear()
    return str(name)


def inspected(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["inspect", "--json", *arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    status = run(["inspect", *arguments])
    shown = capsys.readouterr()
    assert shown.out == ""
    return status, shown.err


def checked(found: dict[str, Any]) -> None:
    """What must be said of ``both()``, wherever it lies."""
    assert [one["platform"] for one in found["images"]] == ["linux/amd64", "linux/arm64"]
    for one in found["images"]:
        assert one["application"] == {"name": "polls", "version": "1.0"}
        assert (one["grocker"], one["contract"]) == ("9.0.0", "1")
        assert (one["suite"], one["python"], one["user"]) == ("trixie", "3.13", "1000:0")
        assert one["services"] == ["worker", "www"]
        assert [package["name"] for package in one["debian"]] == ["libc6"]
        assert [wheel["name"] for wheel in one["python_packages"]] == ["django", "sqlparse"]
        assert [(layer["name"], layer["content"]) for layer in one["layers"]] == [
            ("debian", ["libc6 2.41-1"]),
            ("wheel django", ["django 2.0"]),
            ("wheels", ["sqlparse 2.0"]),
            ("environment", []),
            ("application", []),
        ]
        assert one["notes"] == []


def test_inspect_says_what_is_in_an_image_of_the_store(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    images, blobs = both()
    keep(store, "polls:1.0", images, blobs)
    found = inspected(capsys, "polls:1.0")
    checked(found)
    assert (found["place"], found["digest"]) == ("Grocker's store", index(images).digest)
    assert inspected(capsys, f"polls@{images[1].digest}")["images"][0]["platform"] == "linux/arm64"


def test_inspect_tells_kinds_from_titles_when_the_layers_of_an_older_image_do_not_say_them(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, says_kinds in (("new:1", True), ("old:1", False)):
        image, blobs = grockers_image(says_kinds=says_kinds)
        keep(store, name, [image], blobs)
    new, old = (inspected(capsys, name)["images"][0] for name in ("new:1", "old:1"))
    assert new["digest"] != old["digest"]
    for one in (new, old):
        del one["digest"], one["size"]
    assert new == old


@pytest.mark.parametrize(
    "form", ["oci:{}/layout", "archive:{}/a.tar", "oci:{}/layout:polls:1.0", "archive:{}/a.tar:polls:1.0"]
)
def test_inspect_says_what_is_in_an_image_of_a_file(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    images, blobs = both()
    Layout(tmp_path / "layout").deliver(images, [parse("polls:1.0")], blobs, Silent())
    Archive(tmp_path / "a.tar").deliver(images, [parse("polls:1.0")], blobs, Silent())
    checked(inspected(capsys, form.format(tmp_path)))


@pytest.mark.parametrize("tokens", [None, Tokens()])
def test_inspect_reads_documents_and_small_layers_of_a_registry(
    store: Store, registry: Registry, capsys: pytest.CaptureFixture[str], tokens: Tokens | None
) -> None:
    images, blobs = both()
    name = pushed(registry, images, blobs)
    registry.tokens = tokens
    checked(inspected(capsys, name))
    wanted = {one.digest for image in images for one in (image.config, *image.layers[3:])}
    assert {path.rpartition("/")[2] for method, path in registry.requests if "/blobs/" in path} == wanted
    assert {method for method, _ in registry.requests} == {"GET"}
    if tokens is not None:
        assert {one[1]["scope"][0] for one in tokens.requests} == {"repository:team/polls:pull"}


def test_inspect_shows_people_the_same(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    images, blobs = both()
    keep(store, "polls:1.0", images, blobs)
    assert run(["inspect", "polls:1.0", "--platform", "arm64"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"polls:1.0  {index(images).digest}\n  in Grocker's store: an index\n\nlinux/arm64  ")
    assert "  application: polls 1.0, built by Grocker 9.0.0, image contract 1\n" in shown
    assert "  services: worker: work hard; www: polls.wsgi:application by gunicorn\n" in shown
    assert "linux/amd64" not in shown


def test_inspect_says_what_can_be_said_when_the_image_is_not_grockers(
    store: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made, _ = made_image("a", labels={"evil": "\x1b[2Jgone"})
    plain = made.config.data.replace(b',"org.grocker.contract":"1"', b"").replace(b'"history"', b'"hystory"')
    digest = digests.of(plain)
    manifest = made.manifest.data.replace(made.config.digest.encode(), digest.encode())
    manifest = manifest.replace(b'"size":%d}' % len(made.config.data), b'"size":%d}' % len(plain), 1)
    manifest = manifest.replace(
        b"application/vnd.oci.image.manifest.v1+json", b"application/vnd.docker.distribution.manifest.v2+json"
    )
    for data in (plain, manifest):
        store.add_blob(data)
    store.keep(
        "refs", reference_key(parse("foreign:1")), f"docker.io/library/foreign:1 {digests.of(manifest)}\n".encode()
    )
    [found] = inspected(capsys, "foreign:1")["images"]
    assert found["notes"] == ["not built by Grocker: it does not say which packages, wheels and services it has"]
    assert (found["contract"], found["application"], found["debian"]) == (None, None, [])
    assert [layer["digest"] for layer in found["layers"]] == [made.layers[0].digest]
    assert run(["inspect", "foreign:1"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_inspect_says_so_when_another_grocker_made_the_image(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    new = [made_layer("environment", [File("x", b"")]), made_layer("application", [File("y", b"")])]
    labels = {"org.grocker.services": "www", "org.opencontainers.image.title": "a", "org.grocker.version": "12.0"}
    made, blobs = made_image(layers=new, texts=(), labels={**labels, "org.opencontainers.image.version": "3"})
    keep(store, "polls:1.0", [made], blobs)
    [found] = inspected(capsys, "polls:1.0")["images"]
    assert found["notes"] == [
        "its environment layer has no /opt/grocker/grocker.lock",
        "its application layer has no /opt/grocker/image.json",
    ]
    assert (found["application"], found["services"], found["grocker"]) == (
        {"name": "a", "version": "3"},
        ["www"],
        "12.0",
    )


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (
            ["none:1"],
            66,
            "hint: build one: grocker build DIRECTORY -t NAME (Docker Hub's is docker.io/library/none:1)",
        ),
        (["oci:{tmp}/none"], 66, "no such directory"),
        (["oci:{tmp}"], 65, "is not an OCI layout"),
        (["archive:{tmp}/none"], 66, "no such file"),
        (["archive:{tmp}/text"], 65, "not a tar archive"),
        (["oci:{tmp}/layout:none:1"], 66, f"has no image none:1\nhint: its images: {BOTH}"),
        (["oci:{tmp}/layout"], 64, f"has 2 images\nhint: append a colon and one of: {BOTH}"),
        (
            ["oci:{tmp}/layout:polls:1.0", "--platform", "linux/riscv64"],
            66,
            "has no image for linux/riscv64\nhint: its platforms: linux/amd64, linux/arm64",
        ),
        (["oci:{tmp}/layout:polls:1.0", "--platform", "?"], 64, "invalid platform '?'"),
        (["polls:?"], 64, "is not a tag"),
        (["127.0.0.1:1/polls:1"], 69, "connection refused"),
    ],
)
def test_inspect_fails_with_its_status(
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    images, blobs = both()
    Layout(tmp_path / "layout").deliver(images, [parse("polls:1.0")], blobs, Silent())
    other, more = grockers_image(version="2.0")
    Layout(tmp_path / "layout").deliver([other], [parse("polls:2.0")], more, Silent())
    (tmp_path / "text").write_text("x" * 2000)
    found = failure(capsys, *(one.replace("{tmp}", str(tmp_path)) for one in arguments))
    assert found[0] == status
    assert words in found[1]


@pytest.mark.parametrize(
    ("method", "path", "how", "status", "words"),
    [
        ("GET", "manifests/1.0", {"status": 404}, 66, "no such image"),
        ("GET", "manifests/1.0", {"kind": "lie"}, 65, "expected sha256:000"),
        ("GET", "manifests/sha256", {"kind": "lie"}, 65, "expected sha256:000"),
        ("GET", "manifests/1.0", {"status": 401}, 77, "no credentials"),
        ("GET", "manifests/sha256", {"status": 200, "body": b"{}"}, 65, "expected"),
        ("GET", "blobs/", {"status": 200, "body": b"short"}, 65, "of 5 bytes"),
        ("GET", "blobs/", {"status": 200, "body": b"x" * 100_000}, 65, "sent more than"),
        ("GET", "manifests/1.0", {"status": 200, "body": b"<html>"}, 65, "is malformed"),
        ("GET", "manifests/1.0", {"status": 200, "body": b'{"schemaVersion":1}'}, 65, "is not an image"),
        ("GET", "manifests/1.0", {"status": 200, "body": b"{" + b" " * (5 << 20)}, 65, "sent more than"),
    ],
)
def test_inspect_fails_with_its_status_when_the_registry_lies(
    store: Store,
    registry: Registry,
    capsys: pytest.CaptureFixture[str],
    method: str,
    path: str,
    how: dict[str, Any],
    status: int,
    words: str,
) -> None:
    images, blobs = both()
    name = pushed(registry, images, blobs)
    registry.fail(method, path, times=99, **how)
    found = failure(capsys, name)
    assert words in found[1]
    assert found[0] == status


def test_inspect_asks_the_registry_when_told_to(
    store: Store, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    images, blobs = both()
    name = pushed(registry, images, blobs)
    keep(store, name, images[:1], blobs)
    assert len(inspected(capsys, name)["images"]) == 1
    assert registry.requests == []
    assert len(inspected(capsys, "--remote", name)["images"]) == 2
