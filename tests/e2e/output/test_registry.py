"""Pushes to a real registry."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker import digest as digests
from grocker import registry as registries
from grocker.cli.main import run
from grocker.errors import DeniedError
from grocker.images import layout
from grocker.oci import Blobs, Image, Reference
from grocker.oci.reference import parse
from grocker.progress import Silent
from grocker.registry import Credentials, MountCandidates, PushResult
from grocker.web import Transport
from tests.e2e.output.programs import BCRYPT, RealRegistry, need, registry, said
from tests.support.image import AMD64, ARM64, MemoryBlobs, grockers_image, made_image
from tests.support.web import CERTIFICATE, tunnelling

pytestmark = pytest.mark.e2e


NOBODY = Credentials("no credentials (test)")


def push(transport: Transport, credentials: Credentials, made: Image, name: Reference, blobs: Blobs) -> PushResult:
    return registries.push(
        registries.inspect_repository(transport, lambda: credentials, [name]),
        [made],
        blobs,
        Silent(),
        candidates=MountCandidates(),
    )


@pytest.fixture
def transport() -> Iterator[Transport]:
    with Transport(environ={}) as one:
        yield one


def test_push_is_pulled_with_the_same_digest_when_the_registry_is_real(tmp_path: Path, transport: Transport) -> None:
    need("skopeo")
    with registry(tmp_path) as server:
        name = parse(f"{server.host}/team/polls:1.0")
        made, blobs = made_image("a", "b" * 1_000_000, "c")
        first = push(transport, NOBODY, made, name, blobs)
        assert (first.sent_blobs, first.present_blobs) == (4, 0)
        again, blobs = made_image("a", "b" * 1_000_000, "d")
        second = push(transport, NOBODY, again, name, blobs)
        assert (second.sent_blobs, second.present_blobs) == (2, 2)
        assert not push(transport, NOBODY, again, name, blobs).new
        found = json.loads(said("skopeo", "inspect", "--tls-verify=false", f"docker://{name}"))
        assert found["Digest"] == again.digest
        target = f"oci:{tmp_path}/copy:polls"
        said("skopeo", "copy", "--src-tls-verify=false", f"docker://{name.name}@{made.digest}", target)


def test_push_sends_parts_that_a_real_registry_puts_together(tmp_path: Path, transport: Transport) -> None:
    need("skopeo")
    with registry(tmp_path) as server:
        name = parse(f"{server.host}/polls:1.0")
        made, blobs = made_image()
        state = registries.inspect_repository(transport, lambda: NOBODY, [name])
        state = replace(state, session=replace(state.session, part_size=40, sends_whole=False))
        registries.push(state, [made], blobs, Silent(), candidates=MountCandidates())
        digest = json.loads(said("skopeo", "inspect", "--tls-verify=false", f"docker://{name}"))["Digest"]
        assert digest == made.digest


def test_push_logs_in_with_what_docker_login_left(tmp_path: Path, transport: Transport) -> None:
    with registry(tmp_path, users=BCRYPT) as server:
        name = parse(f"{server.host}/polls:1.0")
        made, blobs = made_image()

        def credentials(password: str) -> registries.Credentials:
            entry = {"auth": base64.b64encode(f"bob:{password}".encode()).decode()}
            (tmp_path / "config.json").write_text(json.dumps({"auths": {server.host: entry}}))
            return registries.find_credentials({"DOCKER_CONFIG": str(tmp_path)}, name, uid=0)

        with pytest.raises(DeniedError, match="no credentials"):
            push(transport, NOBODY, made, name, blobs)
        with pytest.raises(DeniedError, match="the credentials of bob in .*/config.json") as caught:
            push(transport, credentials("wrong"), made, name, blobs)
        assert "wrong" not in caught.value.message
        assert push(transport, credentials("right"), made, name, blobs).new


@dataclass
class Secured:
    """A registry with TLS and a password, under a name that is not this machine's: what programs need to reach it."""

    server: RealRegistry
    environment: dict[str, str]
    transport: Transport
    host: str = "registry.example.invalid"

    def push(
        self, images: list[Image], blobs: Blobs, *names: str, candidates: MountCandidates | None = None
    ) -> PushResult:
        listed = [parse(f"{self.host}/{name}") for name in names]
        found = partial(registries.find_credentials, self.environment, listed[0], uid=0)
        return registries.push(
            registries.inspect_repository(self.transport, found, listed),
            images,
            blobs,
            Silent(),
            candidates=candidates or MountCandidates(),
        )

    def copy(self, name: str, target: Path, *options: str) -> None:
        """Pull with skopeo."""
        source = f"docker://{self.host}/{name}"
        said("skopeo", *options, "copy", source, f"oci:{target}:x", environment=self.environment)


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    entry = {"auth": base64.b64encode(b"bob:right").decode()}
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"registry.example.invalid": entry}}))
    with (
        registry(tmp_path, users=BCRYPT, tls=True) as server,
        tunnelling(int(server.host.rpartition(":")[2])) as proxy,
    ):
        environment = {
            "https_proxy": proxy,
            "HTTPS_PROXY": proxy,
            "SSL_CERT_FILE": str(CERTIFICATE),
            "DOCKER_CONFIG": str(tmp_path),
            "REGISTRY_AUTH_FILE": str(tmp_path / "config.json"),
        }
        with Transport(environ=environment) as transport:
            yield Secured(server, environment, transport)


def test_push_of_a_changed_line_sends_the_application_alone(secured: Secured) -> None:
    made, blobs = grockers_image(version="1.0")
    secured.push([made], blobs, "team/polls:1.0")
    before = secured.server.blobs()
    again, blobs = grockers_image(version="1.1")
    done = secured.push([again], blobs, "team/polls:1.1")
    assert secured.server.blobs() - before == {again.layers[-1].digest, again.config.digest, again.digest}
    assert (done.sent_blobs, done.present_blobs) == (2, 4)
    assert done.sent_bytes == again.layers[-1].size + len(again.config.data) + len(again.manifest.data)


def test_push_to_another_repository_sends_no_blob(secured: Secured, tmp_path: Path) -> None:
    need("skopeo")
    made, blobs = grockers_image()
    candidates = MountCandidates()
    secured.push([made], blobs, "team/polls:1.0", candidates=candidates)
    blobs.opened.clear()
    done = secured.push([made], blobs, "other/polls:1.0", "other/polls:latest", candidates=candidates)
    assert (done.sent_blobs, done.mounted_blobs) == (0, 6)
    assert blobs.opened == []
    secured.copy("other/polls:latest", tmp_path / "copy")
    assert layout.problems(tmp_path / "copy") == ()


def test_push_of_two_platforms_lets_each_be_pulled(secured: Secured, tmp_path: Path) -> None:
    need("skopeo")
    amd64, blobs = grockers_image(AMD64)
    arm64, more = grockers_image(ARM64)
    done = secured.push([amd64, arm64], MemoryBlobs(blobs.blobs | more.blobs), "team/polls:1.0")
    for made in (amd64, arm64):
        target = tmp_path / made.platform.architecture
        secured.copy("team/polls:1.0", target, "--override-arch", made.platform.architecture)
        [copied] = layout.read_index(target).manifests
        assert copied.digest == made.digest
        assert layout.problems(target) == ()
    raw = said("skopeo", "inspect", "--raw", f"docker://{secured.host}/team/polls:1.0", environment=secured.environment)
    assert digests.of(raw.encode()) == done.names[0].digest


def test_inspect_reads_what_a_real_registry_has(
    secured: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made, blobs = grockers_image()
    secured.push([made], blobs, "team/polls:1.0")
    for name, value in secured.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GROCKER_CACHE", str(tmp_path / "cache"))
    assert run(["inspect", f"{secured.host}/team/polls:1.0", "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)["images"]
    assert found["application"] == {"name": "polls", "version": "1.0"}
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run(["inspect", f"{secured.host}/team/polls:1.0"]) == 77
