"""The sink ``registry``: what it asks before there is an image, and what becomes of the answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from grocker.errors import DeniedError
from grocker.images.registry import RegistrySink
from grocker.images.sink import Preflight
from grocker.oci import Reference
from grocker.oci.reference import parse
from grocker.progress import Silent
from grocker.web import Transport
from tests.support import registry as support
from tests.support.image import made_image


@pytest.fixture
def server() -> Iterator[support.Registry]:
    with support.running() as found:
        yield found


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[RegistrySink]:
    with Transport(environ={}, attempts=1) as transport:
        yield RegistrySink({"HOME": str(tmp_path)}, 1000, transport)


def names(server: support.Registry) -> list[Reference]:
    return [parse(f"{server.host}/team/{rest}") for rest in ("polls:1.0", "polls:latest", "copy:1.0")]


def test_deliver_asks_nothing_anew_when_it_was_asked_ahead(server: support.Registry, sink: RegistrySink) -> None:
    assert isinstance(sink, Preflight)
    image, blobs = made_image()
    sink.ask(names(server))
    delivered = sink.deliver([image], names(server), blobs, Silent())
    assert sorted(path for method, path in server.requests if method == "GET") == [
        "/v2/team/copy/manifests/1.0",
        "/v2/team/polls/manifests/1.0",
        "/v2/team/polls/manifests/latest",
    ]
    assert len(delivered.names) == len(server.manifests) - 2 == 3
    # What was asked ahead held for one push.
    assert sink.deliver([image], names(server), blobs, Silent()).new_bytes == 0
    assert server.asked("GET") == 6


def test_deliver_tries_one_blob_when_the_question_was_refused(server: support.Registry, sink: RegistrySink) -> None:
    server.users["bob"] = "right"
    image, blobs = made_image()
    sink.ask(names(server))
    with pytest.raises(DeniedError, match=r"pushing the configuration sha256:\w+ to 127\.0\.0\.1:\d+/team/polls: 401"):
        sink.deliver([image], names(server), blobs, Silent())
    assert (server.asked("HEAD"), server.asked("POST")) == (0, 1)


def test_deliver_asks_anew_when_it_was_asked_for_other_names(server: support.Registry, sink: RegistrySink) -> None:
    image, blobs = made_image()
    asked, other = names(server)[:2]
    sink.ask([asked])
    delivered = sink.deliver([image], [other], blobs, Silent())
    assert delivered.names == (f"{other}@{image.digest}",)
    assert ("team/polls", "1.0") not in server.manifests


def test_uploads_are_opened_early_when_the_repository_has_the_image(
    server: support.Registry, sink: RegistrySink
) -> None:
    one = names(server)[:1]
    sink.ask(one)
    sink.deliver([made_image("a")[0]], one, made_image("a")[1], Silent())
    assert (server.asked("POST"), len(server.uploads)) == (2, 0)
    sink.ask(one)
    image, blobs = made_image("b")
    sink.deliver([image], one, blobs, Silent())
    posts = [number for number, (method, _) in enumerate(server.requests) if method == "POST"]
    puts = [number for number, (method, _) in enumerate(server.requests) if method == "PUT"]
    assert len(posts) == 4
    assert len(puts) == 6
    assert not server.uploads


def test_uploads_that_were_opened_for_a_build_that_failed_are_cancelled(
    server: support.Registry, sink: RegistrySink
) -> None:
    one = names(server)[:1]
    image, blobs = made_image()
    sink.deliver([image], one, blobs, Silent())
    sink.ask(one)
    for asked in sink._preflights.values():
        for opened in asked.result().session.early_uploads:
            opened.exception()
    sink.cancel()
    assert (server.asked("DELETE"), len(server.uploads)) == (2, 0)
    sink.cancel()
    assert server.asked("DELETE") == 2


def test_build_that_failed_does_not_wait_for_an_answer(sink: RegistrySink) -> None:
    sink._preflights[()] = Future()
    sink.cancel()
    assert not sink._preflights
