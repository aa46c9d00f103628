"""An image with a SOCI index in a real registry: as a node reads it, and as engines pull it that know nothing of it."""

from __future__ import annotations

import io
import json
import tarfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grocker.images import layout
from tests.e2e.build.conftest import Anywhere, home_with_polls, shared_cache
from tests.e2e.output.programs import RealRegistry, need, said
from tests.support.soci import read_ztoc

pytestmark = [pytest.mark.e2e, pytest.mark.network]

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SOCI = "application/vnd.amazon.soci.index.v2+json"


@pytest.fixture
def home(home_of: Callable[[int | None], Path], anywhere: Anywhere) -> Path:
    """A home with examples/polls, which asks for lazy pulling."""
    return home_with_polls(home_of, anywhere, 'lazy-pulling = "soci"')


def get(server: RealRegistry, path: str, **headers: str) -> bytes:
    request = urllib.request.Request(f"http://{server.host}/v2/team/polls/{path}", headers=headers)
    with urllib.request.urlopen(request) as response:
        data: bytes = response.read()
        assert response.status == (206 if "Range" in headers else 200)
        return data


def pushed(anywhere: Anywhere, server: RealRegistry, home: Path) -> dict[str, Any]:
    return anywhere.build(
        home / "polls",
        *("--tag", f"{server.host}/team/polls:1", "--push", "--output", f"oci:{home}/layout"),
        environment=anywhere.environment(home, **shared_cache()),
        directory=home,
    )


def test_node_reads_each_file_of_a_layer_by_ranges(anywhere: Anywhere, server: RealRegistry, home: Path) -> None:
    result = pushed(anywhere, server, home)
    assert layout.problems(home / "layout") == ()
    top = json.loads(get(server, f"manifests/{result['digest']}", Accept=INDEX))
    image, soci = top["manifests"]
    assert soci["artifactType"] == SOCI
    assert soci["annotations"] == {"com.amazon.soci.image-manifest-digest": image["digest"]}
    manifest = json.loads(get(server, f"manifests/{image['digest']}", Accept=MANIFEST))
    assert manifest["annotations"]["com.amazon.soci.index-digest"] == soci["digest"]
    large = {one["digest"] for one in manifest["layers"] if one["size"] >= 10 << 20}
    tables = json.loads(get(server, f"manifests/{soci['digest']}", Accept=MANIFEST))["layers"]
    assert {one["annotations"]["com.amazon.soci.image-layer-digest"] for one in tables} == large
    assert large
    for one in tables:
        digest = one["annotations"]["com.amazon.soci.image-layer-digest"]
        ztoc = read_ztoc(get(server, f"blobs/{one['digest']}"))
        spans = [ztoc.span(number) for number in range(len(ztoc.starts))]
        layer = bytearray(ztoc.compressed)
        for span in spans:
            layer[span] = get(server, f"blobs/{digest}", Range=f"bytes={span.start}-{span.stop - 1}")
        assert max(span.stop - span.start for span in spans) < 4 << 20
        whole = get(server, f"blobs/{digest}")
        assert layer[spans[0].start :] == whole[spans[0].start :]
        with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
            files = [entry for entry in archive if entry.isreg()]
            for entry in files[:: max(1, len(files) // 40)]:
                stream = archive.extractfile(entry)
                assert stream is not None
                assert ztoc.read(entry.name.encode(), whole) == stream.read()


def test_rebuild_sends_no_table_again_and_every_command_keeps_the_index(
    anywhere: Anywhere, server: RealRegistry, home: Path
) -> None:
    first = pushed(anywhere, server, home)
    before = server.blobs()
    views = next((home / "polls").rglob("views.py"))
    views.write_text(views.read_text() + "\n# changed\n")
    second = pushed(anywhere, server, home)
    assert first["digest"] != second["digest"]
    new = server.blobs() - before
    assert {second["digest"], second["images"][0]["config"], second["images"][0]["digest"]} < new
    assert len(new) == 4  # and the layer of the application
    environment = anywhere.environment(home, **shared_cache())
    done = anywhere.grocker(
        *("push", f"{server.host}/team/polls:1", f"{server.host}/team/polls:other", "--json"),
        environment=environment,
        directory=home,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["digest"] == second["digest"]
    done = anywhere.grocker(
        "inspect", f"{server.host}/team/polls:1", "--remote", "--json", environment=environment, directory=home
    )
    described = json.loads(done.stdout)
    assert described["digest"] == second["digest"]
    assert [one["lazy_pulling"] for one in described["images"]] == ["soci"]


def test_other_programs_pull_the_image(anywhere: Anywhere, server: RealRegistry, home: Path, tmp_path: Path) -> None:
    need("skopeo")
    result = pushed(anywhere, server, home)
    [image] = result["images"]
    name = f"{server.host}/team/polls:1"
    raw = json.loads(said("skopeo", "inspect", "--tls-verify=false", "--config", "--raw", f"docker://{name}"))
    assert raw["config"]["Labels"]["org.opencontainers.image.title"] == "polls-site"
    said("skopeo", "copy", "--all", "--src-tls-verify=false", f"docker://{name}", f"oci:{tmp_path}/copy:polls")
    assert (tmp_path / "copy" / "blobs" / "sha256" / image["digest"][7:]).exists()


@pytest.mark.podman
def test_podman_pulls_the_image(anywhere: Anywhere, server: RealRegistry, home: Path) -> None:
    [image] = pushed(anywhere, server, home)["images"]
    name = f"{server.host}/team/polls:1"
    try:
        said("podman", "pull", "--quiet", "--tls-verify=false", name)
        found = said("podman", "image", "inspect", "--format", "{{.Id}}", name).strip()
        assert f"sha256:{found}" == image["config"]
    finally:
        said("podman", "rmi", "--ignore", "--force", name)


@pytest.mark.docker
def test_docker_pulls_the_image(anywhere: Anywhere, server: RealRegistry, home: Path) -> None:
    [image] = pushed(anywhere, server, home)["images"]
    name = f"{server.host}/team/polls:1"
    try:
        said("docker", "pull", "--quiet", name)
        assert said("docker", "image", "inspect", "--format", "{{.Id}}", name).strip() == image["config"]
    finally:
        said("docker", "rmi", "--force", name)
