"""What a registry refuses for good: the status that no script repeats, and what to do about it."""

from __future__ import annotations

import json

import pytest

from grocker import registry as registries
from grocker.errors import CannotWriteError, CorruptError, DeniedError, GrockerError, SettingsError, UnavailableError
from grocker.oci.reference import parse
from grocker.progress import Silent
from grocker.registry import Credentials, MountCandidates, PushResult, pull, refusal
from grocker.web import Transport
from tests.support import registry as support
from tests.support.image import MemoryBlobs, made_image
from tests.support.registry import Registry

pytestmark = pytest.mark.slow

NOBODY = Credentials("no credentials (test)")
RETRIED = {69, 75}


def pushed(transport: Transport, registry: Registry, *texts: str, tags: str = "1.0") -> PushResult:
    image, blobs = made_image(*texts)
    names = [parse(f"{registry.host}/team/polls:{tag}") for tag in tags.split()]
    state = registries.inspect_repository(transport, lambda: NOBODY, names)
    return registries.push(state, [image], MemoryBlobs(blobs.blobs), Silent(), candidates=MountCandidates())


def errors(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, errors("TAG_INVALID", "The image tag '1.0' already exists and the repository is immutable.")),
        (400, b"Repository does not allow updating assets: hosted"),
        (403, errors("DENIED", "tag 1.0 is immutable")),
        (405, errors("UNSUPPORTED", "overwriting tags is not allowed")),
        (409, b""),
        (409, errors("CONFLICT", "conflict")),
        (412, errors("PRECONDITION", "tag 1.0 configured as immutable")),
        (412, b""),
    ],
)
def test_push_of_another_image_to_a_tag_that_must_not_change_is_refused_for_good(
    registry: Registry, transport: Transport, status: int, body: bytes
) -> None:
    pushed(transport, registry, "before")
    before = dict(registry.manifests)
    registry.fail("PUT", "manifests/1.0", status=status, body=body, times=99, headers={"Content-Type": "text/plain"})
    registry.requests.clear()
    with pytest.raises(CannotWriteError) as caught:
        pushed(transport, registry, "after")
    assert registry.manifests == before
    assert "under a new tag" in (caught.value.hint or "")
    assert "docker login" not in (caught.value.hint or "")
    assert f"{registry.host}/team/polls:1.0: {status}" in caught.value.message
    assert registry.asked("PUT", "manifests") == 1


def test_push_says_that_the_tag_is_there_when_a_refusal_says_nothing(registry: Registry, transport: Transport) -> None:
    pushed(transport, registry, "before")
    registry.fail("PUT", "manifests/1.0", status=400, times=99)
    with pytest.raises(CannotWriteError) as caught:
        pushed(transport, registry, "after")
    assert "the tag refers to another image" in (caught.value.hint or "")


def test_push_of_the_same_image_to_a_tag_that_must_not_change_is_one_request(
    registry: Registry, transport: Transport
) -> None:
    pushed(transport, registry)
    registry.fail("PUT", "manifests", status=409, times=99)
    registry.requests.clear()
    assert not pushed(transport, registry).new
    assert registry.requests == [("GET", "/v2/team/polls/manifests/1.0")]


@pytest.mark.parametrize("status", [400, 403, 409, 412])
def test_push_succeeds_when_the_tag_got_the_same_image_meanwhile(
    registry: Registry, transport: Transport, status: int
) -> None:
    """An answer that was lost, or a pipeline that ran twice."""
    body = errors("TAG_INVALID", "tag is immutable")
    registry.fail("PUT", "manifests/1.0", kind="late-status", status=status, body=body)
    assert pushed(transport, registry).new
    assert registry.asked("PUT", "manifests") == 1


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "uploads"), ("PATCH", "uploads/u"), ("PUT", "uploads/u"), ("PUT", "manifests")]
)
@pytest.mark.parametrize("status", [301, 400, 402, 405, 409, 411, 412, 413, 415, 418, 422, 423, 451, 501])
def test_push_ends_with_a_status_that_no_script_repeats_when_the_registry_refuses_for_good(
    registry: Registry, transport: Transport, method: str, path: str, status: int
) -> None:
    if method == "PATCH":
        registry.fail("PUT", "uploads/u", status=413, times=99)
    registry.fail(method, path, status=status, times=99)
    with pytest.raises(GrockerError) as caught:
        pushed(transport, registry)
    assert caught.value.status == 73
    assert str(status) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("status", "body", "hint"),
    [
        (413, b"", "client_max_body_size"),
        (403, errors("DENIED", "project quota exceeded"), "raise its quota"),
        (412, errors("PRECONDITION", "will exceed the configured upper limit of 1 GB"), "raise its quota"),
        (400, errors("NAME_INVALID", "invalid repository name"), "choose another repository name"),
        (405, errors("UNSUPPORTED", "The operation is unsupported."), "a mirror, a cache or a locked repository"),
        (308, b"", "push to the host that it redirects to"),
        (418, b"", "check the registry's log"),
    ],
)
def test_push_hint_says_what_to_do_about_a_refusal(
    registry: Registry, transport: Transport, status: int, body: bytes, hint: str
) -> None:
    registry.fail("POST", "uploads", status=status, body=body, times=99)
    with pytest.raises(CannotWriteError) as caught:
        pushed(transport, registry)
    assert hint in (caught.value.hint or "")


def test_push_shows_the_text_of_a_refusal_that_is_no_document(registry: Registry, transport: Transport) -> None:
    text = b"go \x1b[1m away"
    registry.fail("POST", "uploads", status=400, body=text, headers={"Content-Type": "text/plain"}, times=99)
    with pytest.raises(CannotWriteError, match=r"400, go  \[1m away"):
        pushed(transport, registry)


def test_push_is_corrupt_when_the_registry_lost_parts_of_a_blob(registry: Registry, transport: Transport) -> None:
    registry.fail("PUT", "uploads/u", status=413, times=99)
    registry.fail("PATCH", "uploads/u", status=416, times=99)
    with pytest.raises(CorruptError, match="416"):
        pushed(transport, registry)


@pytest.mark.parametrize("status", [400, 405, 406, 409, 451, 501])
def test_read_ends_with_a_status_that_no_script_repeats_when_the_registry_refuses_for_good(
    registry: Registry, transport: Transport, status: int
) -> None:
    registry.fail("GET", "manifests", status=status, times=99)
    name = parse(f"{registry.host}/team/polls:1.0")
    session = registries.open_session(transport, name, lambda: NOBODY, actions="pull")
    with pytest.raises(SettingsError, match=str(status)):
        pull.read_manifest(session, "1.0")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_push_ends_with_a_status_that_a_script_may_repeat_when_waiting_may_help(
    registry: Registry, transport: Transport, status: int
) -> None:
    registry.fail("POST", "uploads", status=status, times=999)
    with pytest.raises(GrockerError) as caught:
        pushed(transport, registry)
    assert caught.value.status in RETRIED


def test_push_is_denied_when_a_proxy_wants_credentials(registry: Registry, transport: Transport) -> None:
    registry.fail("POST", "uploads", status=407, times=99)
    with pytest.raises(DeniedError):
        pushed(transport, registry)


@pytest.mark.parametrize("status", [400, 409, 422, 451, 501])
def test_push_is_denied_when_the_token_server_refuses_for_good(
    registry: Registry, transport: Transport, status: int
) -> None:
    registry.tokens = support.Tokens()
    registry.fail("GET", "/token", status=status, times=99)
    with pytest.raises(DeniedError, match=f"refused a request with no credentials .*: {status}"):
        pushed(transport, registry)


def test_every_refusal_for_good_is_one_that_no_retry_answers() -> None:
    assert not any(refusal.is_final(status) for status in (408, 425, 429, 500, 502, 503, 504))
    assert issubclass(refusal.RefusedError, GrockerError) and not issubclass(refusal.RefusedError, UnavailableError)
