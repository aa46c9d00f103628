"""Images in real engines and in the hands of skopeo."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.errors import CorruptError
from grocker.images import layout
from grocker.images.archive import Archive
from grocker.images.docker import Docker
from grocker.images.engine import of_environment
from grocker.images.layout import Layout
from grocker.images.places import is_still_there
from grocker.images.podman import Podman
from grocker.oci import Image
from grocker.oci.reference import parse
from grocker.progress import Silent
from tests.e2e.output.programs import need, said, scratch
from tests.support.image import FileBlobs, MemoryBlobs, made_image, two_images

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("engines")]  # one pair of names
NAMES = (parse("grocker-test-output:1.0"), parse("registry.example.invalid/grocker-test-output:2.0"))


@pytest.fixture
def _without_images() -> Iterator[None]:
    yield
    for engine, names in (("docker", [n.docker for n in NAMES]), ("podman", [n.podman for n in NAMES])):
        try:
            subprocess.run([engine, "rmi", "--force", *names], capture_output=True, check=False)
        except FileNotFoundError:
            continue


def docker_id(name: str) -> str:
    return said("docker", "image", "inspect", "--format", "{{.Id}}", name).strip()


def podman_digest(name: str) -> str:
    return said("podman", "image", "inspect", "--format", "{{.Digest}}", name).strip()


def files_in_docker(name: str) -> set[str]:
    container = said("docker", "create", name).strip()
    try:
        exported = subprocess.run(["docker", "export", container], capture_output=True, check=True).stdout
        listed = subprocess.run(["tar", "-t"], input=exported, capture_output=True, check=True).stdout
        return set(listed.decode().split())
    finally:
        said("docker", "rm", container)


@pytest.mark.docker
@pytest.mark.usefixtures("_without_images")
def test_docker_gets_only_the_top_layer_when_that_is_new() -> None:
    sink = Docker(of_environment(os.environ))
    made, blobs = made_image("a", "b" * 1_000_000, "c")
    sink.deliver([made], NAMES, blobs, Silent())
    for name in NAMES:
        assert docker_id(name.docker) in (made.config.digest, made.digest)
    assert sink.deliver([made], NAMES, blobs, Silent()).new_bytes == 0
    blobs.opened.clear()
    again, blobs = made_image("a", "b" * 1_000_000, "c", "d")
    sink.deliver([again], NAMES, blobs, Silent())
    driver = said("docker", "info", "--format", "{{json .DriverStatus}}")
    if "io.containerd.snapshotter" not in driver:
        assert blobs.opened == [again.layers[-1].digest]
    assert {"opt/0", "opt/1", "opt/2", "opt/3"} <= files_in_docker(NAMES[0].docker)


@pytest.mark.podman
@pytest.mark.usefixtures("_without_images")
@pytest.mark.parametrize("in_files", [True, False])
def test_podman_has_the_very_image_when_it_is_delivered(tmp_path: Path, in_files: bool) -> None:
    def blobs_of(image_and_blobs: tuple[Image, MemoryBlobs]) -> tuple[Image, MemoryBlobs]:
        made, blobs = image_and_blobs
        return made, FileBlobs(tmp_path, blobs.blobs) if in_files else blobs

    sink = Podman(os.environ, scratch)
    made, blobs = blobs_of(made_image("a", "b" * 1_000_000, "c"))
    sink.deliver([made], NAMES, blobs, Silent())
    assert podman_digest("localhost/grocker-test-output:1.0") == made.digest
    assert podman_digest("registry.example.invalid/grocker-test-output:2.0") == made.digest
    assert sink.deliver([made], NAMES, blobs, Silent()).new_bytes == 0
    again, blobs = blobs_of(made_image("a", "b" * 1_000_000, "d"))
    done = sink.deliver([again], NAMES, blobs, Silent())
    assert done.detail == "1 of 3 layers new to podman"
    names = said("podman", "image", "inspect", "--format", '{{join .RepoTags " "}}', again.config.digest[7:]).split()
    assert sorted(names) == sorted(name.podman for name in NAMES)


@pytest.mark.docker
@pytest.mark.usefixtures("_without_images")
def test_archive_is_loaded_by_docker(tmp_path: Path) -> None:
    made, blobs = made_image()
    Archive(tmp_path / "a.tar").deliver([made], NAMES, blobs, Silent())
    said("docker", "load", "--input", f"{tmp_path}/a.tar")
    for name in NAMES:
        assert docker_id(name.docker) in (made.config.digest, made.digest)


@pytest.mark.podman
@pytest.mark.usefixtures("_without_images")
def test_archive_is_loaded_by_podman(tmp_path: Path) -> None:
    made, blobs = made_image()
    Archive(tmp_path / "a.tar").deliver([made], NAMES, blobs, Silent())
    said("podman", "load", "--input", f"{tmp_path}/a.tar")
    found = said("podman", "image", "inspect", "--format", "{{.Id}}", "localhost/grocker-test-output:1.0").strip()
    assert found == made.config.digest[7:]


def test_layout_and_archive_are_what_skopeo_expects(tmp_path: Path) -> None:
    need("skopeo")
    made, blobs = made_image()
    Layout(tmp_path / "layout").deliver([made], NAMES, blobs, Silent())
    Archive(tmp_path / "a.tar").deliver([made], NAMES, blobs, Silent())
    for source in (
        f"oci:{tmp_path}/layout:localhost/grocker-test-output:1.0",
        f"oci-archive:{tmp_path}/a.tar:localhost/grocker-test-output:1.0",
    ):
        assert json.loads(said("skopeo", "inspect", source))["Digest"] == made.digest
    source = f"docker-archive:{tmp_path}/a.tar:docker.io/library/grocker-test-output:1.0"
    assert json.loads(said("skopeo", "inspect", source))["Layers"] == [one.diff_id for one in made.layers]
    said("skopeo", "copy", f"oci:{tmp_path}/layout:localhost/grocker-test-output:1.0", f"oci:{tmp_path}/copy:x")
    assert layout.problems(tmp_path / "copy") == ()


@pytest.mark.podman
@pytest.mark.usefixtures("_without_images")
def test_podman_makes_a_damaged_layer_be_forgotten(tmp_path: Path) -> None:
    made, blobs = made_image("not in podman yet", str(tmp_path))
    digest = made.layers[-1].digest
    harmed = FileBlobs(tmp_path, blobs.blobs | {digest: blobs.blobs[digest][:-1] + b"?"})
    with pytest.raises(CorruptError, match="is damaged"):
        Podman(os.environ, scratch).deliver([made], NAMES, harmed, Silent())
    assert harmed.forgotten == [digest]


@pytest.mark.podman
@pytest.mark.docker
@pytest.mark.usefixtures("_without_images")
def test_engines_take_the_image_of_their_own_platform() -> None:
    images, blobs = two_images()
    for sink in (Docker(of_environment(os.environ)), Podman(os.environ, scratch)):
        own = next(one for one in images if one.platform == sink.platform())
        done = sink.deliver(images, NAMES, blobs, Silent())
        assert done.detail.endswith(f", {own.platform} of linux/amd64 and linux/arm64")
        assert all(is_still_there(one, os.environ) for one in done.evidence)


@pytest.mark.podman
@pytest.mark.docker
@pytest.mark.usefixtures("_without_images")
def test_archive_of_two_platforms_is_loaded_by_engines_as_the_first(tmp_path: Path) -> None:
    images, blobs = two_images()
    Archive(tmp_path / "a.tar").deliver(images, NAMES, blobs, Silent())
    said("docker", "load", "--input", f"{tmp_path}/a.tar")
    assert docker_id(NAMES[0].docker) in (images[0].config.digest, images[0].digest)
    said("podman", "load", "--input", f"{tmp_path}/a.tar")
    assert podman_digest(NAMES[0].podman)
