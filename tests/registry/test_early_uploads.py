"""Uploads that are opened before it is known what they are for."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from grocker import registry as registries
from grocker.errors import DeniedError
from grocker.oci import Image
from grocker.oci.reference import parse
from grocker.progress import Silent
from grocker.registry import Credentials, MountCandidates, PushResult, RepositoryState, early_uploads
from grocker.web import Transport
from tests.support.image import MemoryBlobs, made_image
from tests.support.registry import Registry


def state_of(transport: Transport, registry: Registry) -> RepositoryState:
    """The repository as it is, with uploads opened early."""
    names = [parse(f"{registry.host}/team/polls:1.0")]
    found = registries.inspect_repository(transport, lambda: Credentials("no credentials (test)"), names)
    early_uploads.begin(found.session)
    return found


def pushed(state: RepositoryState, image: Image, blobs: MemoryBlobs) -> PushResult:
    return registries.push(state, [image], blobs, Silent(), candidates=MountCandidates())


def test_rebuild_sends_its_blobs_to_uploads_that_were_opened_early(registry: Registry, transport: Transport) -> None:
    pushed(state_of(transport, registry), *made_image("a", "b"))
    state = state_of(transport, registry)
    wait_for_answers(state)
    opened = registry.asked("POST")
    image, blobs = made_image("a", "c")
    done = pushed(state, image, blobs)
    assert (done.sent_blobs, done.present_blobs) == (2, 1)
    assert registry.asked("POST") == opened
    assert registry.asked("DELETE") == 0
    assert registry.manifests["team/polls", "1.0"][1] == image.manifest.data


def wait_for_answers(state: RepositoryState) -> None:
    for opened in state.session.early_uploads:
        opened.exception()


def test_early_uploads_are_cancelled_when_nothing_is_sent(registry: Registry, transport: Transport) -> None:
    image, blobs = made_image("a", "b")
    pushed(state_of(transport, registry), image, blobs)
    done = pushed(state_of(transport, registry), image, blobs)
    assert not done.new
    assert registry.asked("DELETE") == early_uploads.EXPECTED
    assert not registry.uploads


def test_upload_that_is_not_open_yet_is_not_waited_for(registry: Registry, transport: Transport) -> None:
    pushed(state_of(transport, registry), *made_image("a", "b"))
    state = state_of(transport, registry)
    wait_for_answers(state)
    never: Future[str] = Future()
    state.session.early_uploads.append(never)
    early_uploads.abandon(state.session)
    assert (registry.asked("DELETE"), len(registry.uploads)) == (early_uploads.EXPECTED, 0)


def test_push_opens_another_upload_when_the_registry_forgot_the_early_one(
    registry: Registry, transport: Transport
) -> None:
    pushed(state_of(transport, registry), *made_image("a", "b"))
    state = state_of(transport, registry)
    wait_for_answers(state)
    registry.uploads.clear()
    image, blobs = made_image("a", "c")
    assert pushed(state, image, blobs).sent_blobs == 2
    assert registry.blobs["team/polls", image.layers[1].digest] == blobs.blobs[image.layers[1].digest]


def test_push_says_what_is_wrong_when_no_upload_can_be_opened(registry: Registry, transport: Transport) -> None:
    registry.fail("POST", "uploads", status=403, times=99)
    with pytest.raises(DeniedError) as caught:
        pushed(state_of(transport, registry), *made_image())
    assert "pushing layer" in caught.value.message or "pushing the configuration" in caught.value.message


def test_large_blob_gets_an_upload_of_its_own(registry: Registry, transport: Transport) -> None:
    image, blobs = made_image("a", "b" * (2 << 20))
    state = state_of(transport, registry)
    wait_for_answers(state)
    pushed(state, image, blobs)
    assert registry.asked("POST") == early_uploads.EXPECTED + 1
