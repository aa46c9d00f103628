"""Images whose layers zstd compressed: as registries, layouts and engines get them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from grocker.images import layout
from tests.e2e.build.conftest import Anywhere, home_with_polls, shared_cache
from tests.e2e.output.programs import RealRegistry, need, said

pytestmark = [pytest.mark.e2e, pytest.mark.network]

ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"


@pytest.fixture
def home(home_of: Callable[[int | None], Path], anywhere: Anywhere) -> Path:
    """A home with examples/polls, which asks for zstd."""
    return home_with_polls(home_of, anywhere, 'compression = "zstd"')


def change_a_line(home: Path) -> None:
    views = next((home / "polls").rglob("views.py"))
    views.write_text(views.read_text() + "\n# changed\n")


def test_registry_and_layout_get_zstd_and_a_rebuild_sends_one_layer(
    anywhere: Anywhere, server: RealRegistry, home: Path, tmp_path: Path
) -> None:
    need("skopeo")
    environment = anywhere.environment(home, **shared_cache())
    arguments = (home / "polls", "--tag", f"{server.host}/team/polls:1", "--push", "--output", f"oci:{home}/layout")
    first = anywhere.build(*arguments, environment=environment, directory=home)
    assert layout.problems(home / "layout") == ()
    before = server.blobs()
    assert {one["digest"] for one in first["images"][0]["layers"]} < before
    name = f"docker://{server.host}/team/polls:1"
    raw = json.loads(said("skopeo", "inspect", "--tls-verify=false", "--raw", name))
    assert {one["mediaType"] for one in raw["layers"]} == {ZSTD}
    said("skopeo", "copy", "--src-tls-verify=false", name, f"oci:{tmp_path}/copy:polls")
    change_a_line(home)
    second = anywhere.build(*arguments, environment=environment, directory=home)
    assert layout.problems(home / "layout") == ()
    assert len(server.blobs() - before) == 3  # manifest, configuration and the layer of the application
    described = anywhere.grocker("inspect", f"oci:{home}/layout", "--json", environment=environment, directory=home)
    [image] = json.loads(described.stdout)["images"]
    assert (image["digest"], image["services"]) == (second["digest"], ["www"])


@pytest.mark.docker
def test_docker_of_any_version_runs_it(anywhere: Anywhere, home: Path) -> None:
    environment = anywhere.environment(home, **shared_cache())
    name = "grocker-test-zstd:1"
    arguments = (home / "polls", "--tag", name, "--output", "docker")
    try:
        anywhere.build(*arguments, environment=environment, directory=home)
        change_a_line(home)
        second = anywhere.build(*arguments, environment=environment, directory=home)
        assert second["outputs"][0]["detail"] == "sent 1 of 7 layers"
        assert "django-admin" in said("docker", "run", "--rm", name, "django-admin.py", "help")
        said("docker", "rmi", name)
        done = anywhere.grocker("load", name, "--into", "docker", environment=environment, directory=home)
        assert done.returncode == 0, done.stderr
        assert said("docker", "image", "inspect", "--format", "{{.Id}}", name).strip() == second["images"][0]["config"]
    finally:
        said("docker", "rmi", "--force", name)


@pytest.mark.podman
def test_podman_takes_it_from_the_store_and_from_a_registry(
    anywhere: Anywhere, server: RealRegistry, home: Path
) -> None:
    environment = anywhere.environment(home, **shared_cache())
    name = f"{server.host}/team/polls:1"
    try:
        arguments = ("--tag", name, "--push", "--output", "podman")
        [image] = anywhere.build(home / "polls", *arguments, environment=environment, directory=home)["images"]
        inspect = ("podman", "image", "inspect", "--format", "sha256:{{.Id}}", name)
        assert said(*inspect).strip() == image["config"]
        said("podman", "rmi", "--force", name)
        said("podman", "pull", "--quiet", "--tls-verify=false", name)
        assert said(*inspect).strip() == image["config"]
    finally:
        said("podman", "rmi", "--ignore", "--force", name)
