"""Pushes to a real registry."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker import registry as registries
from grocker.errors import DeniedError
from grocker.oci import Blobs, Image, Reference
from grocker.oci.reference import parse
from grocker.progress import Silent
from grocker.registry import Credentials, Known, Pushed, upload
from grocker.web import Transport
from tests.e2e.output.programs import BCRYPT, need, registry, said
from tests.support.image import made_image

pytestmark = pytest.mark.e2e


NOBODY = Credentials("no credentials (test)")


def push(transport: Transport, credentials: Credentials, made: Image, name: Reference, blobs: Blobs) -> Pushed:
    return registries.push(transport, lambda: credentials, [made], [name], blobs, Silent(), known=Known())


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


def test_push_sends_parts_that_a_real_registry_puts_together(
    tmp_path: Path, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grocker.registry.upload._PART", 40)
    monkeypatch.setattr("grocker.registry.upload._send_whole", upload._send_parts)
    need("skopeo")
    with registry(tmp_path) as server:
        name = parse(f"{server.host}/polls:1.0")
        made, blobs = made_image()
        push(transport, NOBODY, made, name, blobs)
        digest = json.loads(said("skopeo", "inspect", "--tls-verify=false", f"docker://{name}"))["Digest"]
        assert digest == made.digest


def test_push_logs_in_with_what_docker_login_left(tmp_path: Path, transport: Transport) -> None:
    with registry(tmp_path, users=BCRYPT) as server:
        name = parse(f"{server.host}/polls:1.0")
        made, blobs = made_image()

        def credentials(password: str) -> registries.Credentials:
            entry = {"auth": base64.b64encode(f"bob:{password}".encode()).decode()}
            (tmp_path / "config.json").write_text(json.dumps({"auths": {server.host: entry}}))
            return registries.credentials({"DOCKER_CONFIG": str(tmp_path)}, name, uid=0)

        with pytest.raises(DeniedError, match="no credentials"):
            push(transport, NOBODY, made, name, blobs)
        with pytest.raises(DeniedError, match="the credentials of bob in .*/config.json") as caught:
            push(transport, credentials("wrong"), made, name, blobs)
        assert "wrong" not in caught.value.message
        assert push(transport, credentials("right"), made, name, blobs).new
