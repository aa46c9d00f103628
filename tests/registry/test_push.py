from __future__ import annotations

import base64
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from grocker import registry as registries
from grocker.errors import (
    CannotWriteError,
    CorruptError,
    DeniedError,
    GrockerError,
    MissingError,
    TryAgainError,
    UnavailableError,
)
from grocker.oci import Image, Reference
from grocker.oci.index import index
from grocker.oci.reference import parse
from grocker.progress import Silent
from grocker.registry import Credentials, MountCandidates, PushResult
from grocker.store import Store
from grocker.store.check import check
from grocker.web import HttpResponse, Transport
from tests.support import registry as support
from tests.support.image import MemoryBlobs, made_image, two_images
from tests.support.registry import Registry
from tests.support.soci import seekable_image
from tests.support.web import CERTIFICATE, tunnelling

NOBODY = Credentials("no credentials (test)")
BOB = Credentials("the credentials of bob in /x/config.json", "bob", "right")


def name(registry: Registry, rest: str = "team/polls:1.0") -> Reference:
    return parse(f"{registry.host}/{rest}")


def pushed(
    transport: Transport,
    registry: Registry,
    image: Image,
    blobs: MemoryBlobs,
    credentials: Credentials = NOBODY,
    rest: str = "team/polls:1.0",
    candidates: MountCandidates | None = None,
) -> PushResult:
    names = [name(registry, one) for one in rest.split()]
    return registries.push(
        registries.inspect_repository(transport, lambda: credentials, names),
        [image],
        blobs,
        Silent(),
        candidates=candidates or MountCandidates(),
    )


def failure(
    transport: Transport, registry: Registry, credentials: Credentials = NOBODY, blobs: MemoryBlobs | None = None
) -> GrockerError:
    image, own = made_image()
    with pytest.raises(GrockerError) as caught:
        pushed(transport, registry, image, blobs or own, credentials)
    assert not registry.manifests
    return caught.value


def test_push_sends_all_blobs_and_then_the_manifest_when_nothing_is_there(
    registry: Registry, transport: Transport
) -> None:
    image, blobs = made_image()
    done = pushed(transport, registry, image, blobs)
    assert registry.manifests["team/polls", "1.0"] == (image.manifest.descriptor.media_type, image.manifest.data)
    assert registry.blobs["team/polls", image.config.digest] == image.config.data
    for layer in image.layers:
        assert registry.blobs["team/polls", layer.digest] == blobs.blobs[layer.digest]
    assert (done.sent_blobs, done.present_blobs, done.sent_bytes, done.new) == (4, 0, image.size, True)
    assert str(done.names[0]) == f"{registry.host}/team/polls:1.0@{image.digest}"
    assert registry.requests[-1] == ("PUT", "/v2/team/polls/manifests/1.0")


def test_push_opens_no_layer_that_the_registry_has(registry: Registry, transport: Transport) -> None:
    pushed(transport, registry, *made_image("a", "b", "c"))
    image, blobs = made_image("a", "b", "d")
    done = pushed(transport, registry, image, blobs)
    assert blobs.opened == [image.layers[-1].digest]
    assert (done.sent_blobs, done.present_blobs) == (2, 2)


def test_push_sends_one_request_when_the_tag_is_there_already(registry: Registry, transport: Transport) -> None:
    image, blobs = made_image()
    pushed(transport, registry, image, blobs)
    blobs.opened.clear()
    registry.requests.clear()
    done = pushed(transport, registry, image, blobs)
    assert not done.new
    assert registry.requests == [("GET", "/v2/team/polls/manifests/1.0")]
    assert blobs.opened == []


def test_push_asks_for_no_blob_of_the_image_that_the_tag_had(registry: Registry, transport: Transport) -> None:
    pushed(transport, registry, *made_image("a", "b", "c"))
    registry.requests.clear()
    image, blobs = made_image("a", "b", random.Random(1).randbytes(100_000).hex())
    done = pushed(transport, registry, image, blobs)
    assert (done.sent_blobs, done.present_blobs) == (2, 2)
    # Nor for the configuration, which is sent as quickly.
    asked = {path.rpartition("/")[2] for method, path in registry.requests if method == "HEAD"}
    assert asked == {image.layers[2].digest}


def test_push_sends_a_blob_that_the_registry_has_lost_though_its_manifest_names_it(
    registry: Registry, transport: Transport
) -> None:
    image, blobs = made_image("a", "b", "c")
    pushed(transport, registry, image, blobs)
    del registry.blobs["team/polls", image.layers[0].digest]
    image, blobs = made_image("a", "b", "d")
    done = pushed(transport, registry, image, blobs)
    assert registry.blobs["team/polls", image.layers[0].digest] == blobs.blobs[image.layers[0].digest]
    assert registry.manifests["team/polls", "1.0"][1] == image.manifest.data
    assert (done.sent_blobs, done.present_blobs) == (1, 3)


def test_push_sends_only_the_manifest_when_the_tag_is_another(registry: Registry, transport: Transport) -> None:
    image, blobs = made_image()
    pushed(transport, registry, image, blobs)
    done = pushed(transport, registry, image, blobs, rest="team/polls:2.0")
    assert (done.sent_blobs, done.new) == (0, True)
    assert registry.manifests["team/polls", "2.0"][1] == image.manifest.data


def test_push_sends_a_blob_again_when_the_registry_has_it_with_another_size(
    registry: Registry, transport: Transport
) -> None:
    image, blobs = made_image()
    registry.blobs["team/polls", image.layers[0].digest] = b"cut short"
    pushed(transport, registry, image, blobs)
    assert registry.blobs["team/polls", image.layers[0].digest] == blobs.blobs[image.layers[0].digest]


def test_push_goes_on_in_parts_when_a_proxy_refuses_the_whole_blob(registry: Registry, transport: Transport) -> None:
    registry.most_in_one_request = 2000
    image, blobs = made_image("small", random.Random(1).randbytes(4500).hex())
    state = registries.inspect_repository(transport, lambda: NOBODY, [name(registry)])
    state = replace(state, session=replace(state.session, part_size=1000))
    registries.push(state, [image], blobs, Silent(), candidates=MountCandidates())
    assert registry.manifests
    assert registry.asked("PATCH") >= 4
    for layer in image.layers:
        assert registry.blobs["team/polls", layer.digest] == blobs.blobs[layer.digest]


@pytest.mark.parametrize("where", ["blobs/uploads/u", "blobs/uploads/$", "manifests/1.0"])
@pytest.mark.parametrize("how", [{"kind": "cut"}, {"status": 500}, {"status": 503}, {"status": 429}])
def test_push_succeeds_when_one_attempt_fails(
    registry: Registry, transport: Transport, where: str, how: dict[str, object]
) -> None:
    registry.fail("POST" if where.endswith("$") else "PUT", where, **how)
    image, blobs = made_image()
    pushed(transport, registry, image, blobs)
    assert registry.manifests["team/polls", "1.0"][1] == image.manifest.data


@pytest.mark.parametrize(
    ("method", "path", "how", "kind", "words"),
    [
        ("POST", "uploads", {"status": 401}, DeniedError, "401; sent: no credentials (test)"),
        ("POST", "uploads", {"status": 403}, DeniedError, "403; sent: no credentials"),
        ("POST", "uploads", {"status": 404}, MissingError, "404"),
        ("POST", "uploads", {"status": 429, "times": 99}, TryAgainError, "429"),
        ("PUT", "uploads", {"status": 429, "times": 99}, TryAgainError, "429"),
        ("POST", "uploads", {"status": 500, "times": 99}, UnavailableError, "500"),
        ("PUT", "uploads", {"status": 500, "times": 99}, UnavailableError, "500"),
        ("PUT", "uploads", {"kind": "cut", "times": 99}, UnavailableError, "connection"),
        ("PUT", "uploads", {"kind": "lie", "times": 99}, CorruptError, "reports that it stored sha256:000"),
        ("PUT", "manifests", {"status": 500, "times": 99}, UnavailableError, "pushing the manifest sha256:"),
        (
            "PUT",
            "manifests",
            {
                "status": 400,
                "times": 99,
                "body": b'{"errors":[{"code":"MANIFEST_INVALID","message":"bad \\u001b[1m thing"}]}',
            },
            CannotWriteError,
            "400, MANIFEST_INVALID: bad  [1m thing",
        ),
    ],
)
def test_push_fails_with_its_status_when_the_registry_does(
    registry: Registry,
    transport: Transport,
    method: str,
    path: str,
    how: dict[str, object],
    kind: type[GrockerError],
    words: str,
) -> None:
    registry.fail(method, path, **how)
    error = failure(transport, registry)
    assert isinstance(error, kind)
    assert words in error.message
    # Layers and the configuration are pushed side by side: either may be the first to be refused.
    blob = r"layer sha256:\w{12} \(text \d\)|the configuration sha256:\w{12}"
    what = r"the manifest sha256:\w{12}" if path == "manifests" else blob
    assert re.match(f"pushing ({what}) to {registry.host}/team/polls", error.message)
    assert registry.host in error.message
    assert error.hint


def test_push_fails_as_unavailable_when_nothing_listens(transport: Transport) -> None:
    image, blobs = made_image()
    reference = parse("127.0.0.1:1/polls:1")
    with pytest.raises(UnavailableError, match=r"pushing to 127.0.0.1:1/polls:1: .*connection refused"):
        registries.push(
            registries.inspect_repository(transport, lambda: NOBODY, [reference]),
            [image],
            blobs,
            Silent(),
            candidates=MountCandidates(),
        )


def test_push_fails_as_unavailable_when_the_answer_does_not_come(registry: Registry) -> None:
    registry.fail("GET", "manifests", kind="slow")
    with Transport(environ={}, attempts=1, read_timeout=0.1) as transport:
        assert "timeout waiting for the answer" in failure(transport, registry).message


def test_push_fails_as_corrupt_when_a_cached_blob_is_damaged(registry: Registry, transport: Transport) -> None:
    _, blobs = made_image()
    damaged = {key: data[:-1] + b"?" for key, data in blobs.blobs.items()}
    error = failure(transport, registry, blobs=MemoryBlobs(damaged))
    assert isinstance(error, CorruptError)
    assert re.fullmatch(r"the cached layer sha256:[0-9a-f]{64} \(text \d\) is damaged", error.message)
    assert isinstance(error.__cause__, CorruptError)
    assert "DIGEST_INVALID" in error.__cause__.message


@pytest.mark.slow
@pytest.mark.parametrize("change", [b"", b"more"])
def test_push_fails_as_corrupt_when_a_cached_blob_has_another_size(
    registry: Registry, transport: Transport, change: bytes
) -> None:
    _, blobs = made_image()
    error = failure(transport, registry, blobs=MemoryBlobs({k: d[:50] + change for k, d in blobs.blobs.items()}))
    assert isinstance(error, CorruptError)
    assert "is damaged" in error.message
    assert registry.asked("PUT", "uploads/u") <= 1


def test_push_shows_credentials_in_no_message_when_they_are_refused(registry: Registry, transport: Transport) -> None:
    registry.users["bob"] = "right"
    secret = base64.b64encode(b"bob:hunter2").decode()
    error = failure(transport, registry, Credentials("the credentials of bob in /x/config.json", "bob", "hunter2"))
    assert isinstance(error, DeniedError)
    assert "the credentials of bob in /x/config.json" in error.message
    text = f"{error.message} {error.hint} {error!r} {error.__cause__!r} {error.__context__!r}"
    assert "hunter2" not in text
    assert secret not in text


def test_push_presents_basic_credentials_when_the_registry_wants_them(registry: Registry, transport: Transport) -> None:
    registry.users["bob"] = "right"
    header = "Basic " + base64.b64encode(b"bob:right").decode()
    pushed(transport, registry, *made_image(), credentials=BOB)
    assert registry.manifests
    assert set(registry.authorizations) == {None, header}
    assert registry.authorizations.count(None) == 1


def test_push_sends_no_credentials_to_another_host_when_uploads_go_there(
    registry: Registry, transport: Transport
) -> None:
    registry.users["bob"] = "right"
    with support.running() as other:
        other.uploads["u0"] = b""
        target = f"http://{other.host}/v2/team/polls/blobs/uploads/u0?_state=z"
        registry.fail("POST", "uploads", status=202, headers={"Location": target}, times=99)
        image, blobs = made_image("only one layer")
        with pytest.raises(GrockerError):
            pushed(transport, registry, image, blobs, BOB)
        assert other.asked("PUT") > 0
        assert set(other.authorizations) == {None}


def test_push_speaks_https_when_the_registry_is_another_machine() -> None:
    made, blobs = made_image()
    name = parse("registry.example.invalid/team/polls:1.0")
    with support.running(tls=True) as server, tunnelling(server.port) as proxy:
        environ = {"https_proxy": proxy, "SSL_CERT_FILE": str(CERTIFICATE)}
        with Transport(environ=environ, attempts=1) as transport:
            state = registries.inspect_repository(transport, lambda: NOBODY, [name])
            registries.push(state, [made], blobs, Silent(), candidates=MountCandidates())
        assert server.manifests["team/polls", "1.0"][1] == made.manifest.data
        with (
            Transport(environ={"https_proxy": proxy}, attempts=1) as transport,
            pytest.raises(UnavailableError, match="the certificate is not trusted"),
        ):
            registries.inspect_repository(transport, lambda: NOBODY, [name])


def test_push_is_refused_when_uploads_would_leave_https() -> None:
    made, blobs = made_image()
    name = parse("registry.example.invalid/team/polls:1.0")
    with support.running(tls=True) as server, tunnelling(server.port) as proxy:
        server.fail("POST", "uploads", status=202, headers={"Location": "http://registry.example.invalid/u"}, times=9)
        environ = {"https_proxy": proxy, "SSL_CERT_FILE": str(CERTIFICATE)}
        with (
            Transport(environ=environ, attempts=1) as transport,
            pytest.raises(UnavailableError, match="asks for an upload over http instead of https"),
        ):
            state = registries.inspect_repository(transport, lambda: NOBODY, [name])
            registries.push(state, [made], blobs, Silent(), candidates=MountCandidates())


def test_push_sends_a_manifest_for_each_platform_and_an_index_under_the_name(
    registry: Registry, transport: Transport
) -> None:
    images, blobs = two_images()
    names = [name(registry)]
    done = registries.push(
        registries.inspect_repository(transport, lambda: NOBODY, names),
        images,
        blobs,
        Silent(),
        candidates=MountCandidates(),
    )
    assert registry.manifests["team/polls", "1.0"] == ("application/vnd.oci.image.index.v1+json", index(images).data)
    for image in images:
        assert registry.manifests["team/polls", image.digest][1] == image.manifest.data
    assert (done.sent_blobs, done.present_blobs) == (5, 0)
    assert done.names[0].digest == index(images).digest
    again = registries.push(
        registries.inspect_repository(transport, lambda: NOBODY, names),
        images,
        blobs,
        Silent(),
        candidates=MountCandidates(),
    )
    assert not again.new


def test_push_asks_for_no_blob_of_the_index_that_the_tag_had(registry: Registry, transport: Transport) -> None:
    names = [name(registry, "team/polls:1.0")]
    before, blobs = two_images("first")
    registries.push(
        registries.inspect_repository(transport, lambda: NOBODY, names),
        before,
        blobs,
        Silent(),
        candidates=MountCandidates(),
    )
    registry.requests.clear()
    images, blobs = two_images("second")
    done = registries.push(
        registries.inspect_repository(transport, lambda: NOBODY, names),
        images,
        blobs,
        Silent(),
        candidates=MountCandidates(),
    )
    shared = {one.digest for image in images for one in image.layers} & {
        one.digest for image in before for one in image.layers
    }
    asked = {path.rpartition("/")[2] for method, path in registry.requests if method == "HEAD"}
    assert shared and not shared & asked
    assert done.present_blobs == len(shared)
    assert registry.asked("GET", "manifests") == 3
    registry.requests.clear()
    registry.fail("GET", "manifests/sha256", status=403, times=2)
    last, blobs = two_images("third")
    done = registries.push(
        registries.inspect_repository(transport, lambda: NOBODY, names),
        last,
        blobs,
        Silent(),
        candidates=MountCandidates(),
    )
    assert done.present_blobs == len(shared)
    assert shared <= {path.rpartition("/")[2] for method, path in registry.requests if method == "HEAD"}


def test_push_sends_blobs_once_when_there_are_several_tags(registry: Registry, transport: Transport) -> None:
    image, blobs = made_image()
    done = pushed(transport, registry, image, blobs, rest="team/polls:1.0 team/polls:latest team/polls:1.0")
    assert sorted(blobs.opened) == sorted(one.digest for one in image.layers)
    assert (done.sent_blobs, len(done.names)) == (4, 2)
    assert [path for method, path in registry.requests if method == "PUT" and "manifests" in path] == [
        "/v2/team/polls/manifests/1.0",
        "/v2/team/polls/manifests/latest",
    ]
    assert done.sent_bytes == image.size + len(image.manifest.data)


def test_push_sends_the_missing_names_alone_when_one_is_there(registry: Registry, transport: Transport) -> None:
    image, blobs = made_image()
    pushed(transport, registry, image, blobs)
    registry.requests.clear()
    done = pushed(transport, registry, image, blobs, rest="team/polls:1.0 team/polls:2.0")
    assert registry.requests == [
        ("GET", "/v2/team/polls/manifests/1.0"),
        ("GET", "/v2/team/polls/manifests/2.0"),
        ("PUT", "/v2/team/polls/manifests/2.0"),
    ]
    assert (done.sent_blobs, done.present_blobs, done.new) == (0, 4, True)


@pytest.mark.parametrize("kept", [True, False])
def test_push_sends_no_blob_that_can_be_mounted(
    registry: Registry, transport: Transport, tmp_path: Path, kept: bool
) -> None:
    image, blobs = made_image()
    with Store.open(tmp_path) as store:
        candidates = MountCandidates(store if kept else None)
        pushed(transport, registry, image, blobs, rest="other/polls:1.0", candidates=candidates)
        blobs.opened.clear()
        done = pushed(transport, registry, image, blobs, candidates=MountCandidates(store) if kept else candidates)
        assert check(store) == ()
    assert (done.sent_blobs, done.mounted_blobs, done.present_blobs) == (0, 4, 0)
    assert done.sent_bytes == len(image.manifest.data)
    assert blobs.opened == []
    assert registry.manifests["team/polls", "1.0"][1] == image.manifest.data


@pytest.mark.parametrize("how", [None, {"status": 403}, {"status": 405}, {"status": 500}, {"kind": "cut"}])
def test_push_sends_a_blob_when_it_is_not_mounted(
    registry: Registry, transport: Transport, how: dict[str, object] | None
) -> None:
    candidates = MountCandidates()
    image, blobs = made_image()
    pushed(transport, registry, image, blobs, rest="other/polls:1.0", candidates=candidates)
    if how is None:
        registry.mounts = False
    else:
        registry.fail("POST", "team/polls/blobs/uploads", times=1, **how)
    registry.requests.clear()
    done = pushed(transport, registry, image, blobs, candidates=candidates)
    assert (done.sent_blobs, done.mounted_blobs) == ((4, 0) if how is None else (1, 3))
    if how is None:
        assert registry.asked("POST") == 4  # the upload that the registry began instead is used


def test_push_sends_a_blob_when_the_registry_has_lost_where_it_was(registry: Registry, transport: Transport) -> None:
    candidates = MountCandidates()
    image, blobs = made_image()
    candidates.add(registry.host, "long/gone", [one.digest for one in image.layers])
    assert pushed(transport, registry, image, blobs, candidates=candidates).sent_blobs == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "kind", "words"),
    [
        ("HEAD", "blobs/sha256", "lie", "answers for sha256:0000"),
        ("HEAD", "blobs/sha256", "lie-size", "were sent"),
        ("GET", "manifests", "lie", "expected sha256:0000"),
        ("PUT", "manifests", "lie", "reports that it stored sha256:0000"),
        ("POST", "uploads", "lie", "reports that it stored sha256:0000"),
    ],
)
def test_push_fails_as_corrupt_when_the_registry_lies(
    registry: Registry, transport: Transport, method: str, path: str, kind: str, words: str
) -> None:
    candidates = MountCandidates()
    image, blobs = made_image()
    if kind == "lie-size":
        registry.fail("GET", path, kind=kind, times=99)
    if method == "POST":
        pushed(transport, registry, image, blobs, rest="other/polls:1.0", candidates=candidates)
    else:
        pushed(transport, registry, image, blobs)
        if "blobs" in path or method == "PUT":
            registry.manifests.clear()
    registry.fail(method, path, kind=kind, times=99)
    with pytest.raises(CorruptError) as caught:
        pushed(transport, registry, image, blobs, candidates=candidates)
    assert words in caught.value.message
    assert registry.host in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize(("method", "path"), [("POST", "uploads"), ("PUT", "manifests"), ("HEAD", "blobs")])
def test_push_follows_a_redirect_without_its_credentials(
    transport: Transport, status: int, method: str, path: str
) -> None:
    with support.running() as registry, support.running() as other:
        registry.users["bob"] = "right"
        image, blobs = made_image("one layer")
        rest = {"uploads": "blobs/uploads/", "manifests": "manifests/1.0", "blobs": "blobs/x"}[path]
        target = f"http://localhost:{other.port}/v2/team/polls/{rest}"
        if method == "PUT":  # what the manifest names is looked for
            for one in (image.config.digest, *(layer.digest for layer in image.layers)):
                other.blobs["team/polls", one] = b""
        answer = {"status": status, "headers": {"Location": target}}
        registry.fail(method, path, times=9, **answer)
        if method == "POST":
            with pytest.raises(GrockerError, match="blob unknown"):  # the blobs went to the other host
                pushed(transport, registry, image, blobs, BOB)
            assert {digest for _, digest in other.blobs} == {image.config.digest, image.layers[0].digest}
        else:
            pushed(transport, registry, image, blobs, BOB)
            assert other.asked(method) > 0
        assert set(other.authorizations) == {None}


@pytest.mark.parametrize(
    "form", ["/v2/{}/blobs/uploads/{}?a=b&c=%2F", "{}?only=query", "http://{host}/v2/{}/blobs/uploads/{}"]
)
def test_push_finds_where_to_send_bytes_whatever_the_form_of_the_address(
    registry: Registry, transport: Transport, form: str
) -> None:
    registry.uploads |= {"u1000": b"", "u1001": b""}
    image, blobs = made_image("one layer")
    for number in (1000, 1001):
        text = form.replace("{host}", registry.host)
        location = text.format("team/polls", f"u{number}") if text.count("{}") == 2 else text.format(f"u{number}")
        registry.fail("POST", "uploads", status=202, headers={"Location": location})
    pushed(transport, registry, image, blobs)
    assert registry.manifests["team/polls", "1.0"]


class TimedTransport(Transport):
    """Remembers how long each answer is waited for, beyond the usual."""

    def __init__(self) -> None:
        super().__init__(environ={}, attempts=1)
        self.waits: dict[str, set[float | None]] = {}

    def open(
        self, method: str, url: str, *, action: str, answer_timeout: float | None = None, **options: Any
    ) -> HttpResponse:
        path = urlsplit(url).path.removeprefix("/v2/team/polls/")
        kind = f"{method} {'/'.join(path.split('/')[:2] if method in ('PUT', 'PATCH') else [path.split('/')[0]])}"
        self.waits.setdefault(kind, set()).add(answer_timeout)
        return super().open(method, url, action=action, answer_timeout=answer_timeout, **options)


@pytest.fixture
def timed() -> Iterator[TimedTransport]:
    with TimedTransport() as one:
        yield one


def patient(state: registries.RepositoryState, **changes: object) -> registries.RepositoryState:
    """Let what makes the registry work take 100 s, and a second more for each byte."""
    return replace(state, session=replace(state.session, answer_seconds=100, seconds_per_byte=1, **changes))


def test_push_waits_longer_for_an_answer_that_means_work_for_the_registry(
    registry: Registry, timed: TimedTransport
) -> None:
    image, blobs = made_image("one layer")
    state = registries.inspect_repository(timed, lambda: NOBODY, [name(registry)])
    registries.push(patient(state), [image], blobs, Silent(), candidates=MountCandidates())
    assert timed.waits == {
        "GET manifests": {None},
        "HEAD blobs": {None},
        "POST blobs": {None},
        "PUT blobs/uploads": {100 + image.layers[0].size, 100 + len(image.config.data)},
        "PUT manifests/1.0": {100 + len(image.manifest.data)},
    }


def test_push_waits_longer_for_the_parts_of_a_blob_and_for_the_whole(registry: Registry, timed: TimedTransport) -> None:
    image, blobs = made_image("one layer", random.Random(1).randbytes(2500).hex())
    state = registries.inspect_repository(timed, lambda: NOBODY, [name(registry)])
    state = patient(state, part_size=1000, sends_whole=False)
    registries.push(state, [image], blobs, Silent(), candidates=MountCandidates())
    sizes = {*(one.size for one in image.layers), len(image.config.data)}
    parts = {size % 1000 for size in sizes} | {1000}
    assert timed.waits["PATCH blobs/uploads"] == {100 + size for size in parts}
    assert timed.waits["PUT blobs/uploads"] == {100 + size for size in sizes}


def test_push_waits_longer_for_a_mount(registry: Registry, timed: TimedTransport) -> None:
    candidates = MountCandidates()
    image, blobs = made_image("one layer")
    pushed(timed, registry, image, blobs, rest="other/polls:1.0", candidates=candidates)
    state = registries.inspect_repository(timed, lambda: NOBODY, [name(registry)])
    timed.waits.clear()
    done = registries.push(patient(state), [image], blobs, Silent(), candidates=candidates)
    assert done.mounted_blobs == 2
    assert timed.waits["POST blobs"] == {100 + image.layers[0].size, 100 + len(image.config.data)}


@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize(
    "how",
    [
        {"kind": "late-cut"},
        {"kind": "late-status", "status": 504},
        {"kind": "late-status", "status": 500},
        {"kind": "late-status", "status": 502},
    ],
)
@pytest.mark.parametrize("path", ["blobs/uploads/u", "manifests/1.0"])
def test_push_sends_nothing_again_that_arrived_although_its_answer_did_not(
    registry: Registry, path: str, how: dict[str, object], attempts: int
) -> None:
    registry.fail("PUT", path, **how)
    with Transport(environ={}, attempts=attempts, sleep=lambda _: None) as transport:
        image, blobs = made_image("one layer")
        pushed(transport, registry, image, blobs)
    assert registry.manifests["team/polls", "1.0"][1] == image.manifest.data
    assert (registry.asked("PUT", "blobs"), registry.asked("PUT", "manifests")) == (2, 1)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["blobs/uploads/u", "manifests/1.0"])
def test_push_sends_nothing_again_that_arrived_although_its_answer_was_not_waited_for(
    registry: Registry, path: str
) -> None:
    registry.fail("PUT", path, kind="late")
    image, blobs = made_image("one layer")
    # Long enough for every other answer, on a busy machine too.
    with Transport(environ={}, attempts=3, read_timeout=5, sleep=lambda _: None) as transport:
        state = registries.inspect_repository(transport, lambda: NOBODY, [name(registry)])
        state = replace(state, session=replace(state.session, answer_seconds=0))
        registries.push(state, [image], blobs, Silent(), candidates=MountCandidates())
    assert registry.manifests["team/polls", "1.0"][1] == image.manifest.data
    assert (registry.asked("PUT", "blobs"), registry.asked("PUT", "manifests")) == (2, 1)


@pytest.mark.slow
def test_push_error_does_not_wait_for_the_answers_to_other_uploads(registry: Registry, transport: Transport) -> None:
    registry.fail("PUT", "blobs/uploads/u", kind="slow", times=3)
    registry.fail("PUT", "blobs/uploads/u", status=403)
    assert isinstance(failure(transport, registry), DeniedError)
    assert not registry.blobs, "the slow ones have not answered"


@pytest.mark.parametrize(
    ("headers", "is_checked"),
    [
        ({"Content-Length": "0"}, False),
        ({"Content-Length": None}, False),
        ({"Content-Length": None, "Docker-Content-Digest": None}, False),
        ({"Content-Length": "17", "Content-Encoding": "gzip"}, False),
        ({"Content-Length": "17"}, True),
        ({"Content-Length": "99999999999"}, True),
    ],
)
def test_push_sends_no_blob_again_whose_length_a_proxy_spoils(
    registry: Registry, transport: Transport, headers: dict[str, str | None], is_checked: bool
) -> None:
    image, blobs = made_image()
    pushed(transport, registry, image, blobs)
    registry.head_headers = headers
    registry.requests.clear()
    done = pushed(transport, registry, image, blobs, rest="team/polls:2.0")
    assert (done.sent_blobs, done.present_blobs) == (0, 4)
    assert registry.asked("POST") == 0
    assert registry.asked("GET", "blobs") == (4 if is_checked else 0)


def test_push_sends_a_blob_again_that_is_truncated_although_a_proxy_spoils_its_length(
    registry: Registry, transport: Transport
) -> None:
    image, blobs = made_image()
    registry.blobs["team/polls", image.layers[0].digest] = b"cut short"
    registry.head_headers = {"Content-Length": "17"}
    pushed(transport, registry, image, blobs)
    assert registry.blobs["team/polls", image.layers[0].digest] == blobs.blobs[image.layers[0].digest]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "uploads"), ("PATCH", "uploads/u"), ("PUT", "uploads/u"), ("PUT", "manifests")],
)
def test_push_takes_every_answer_that_says_done(
    registry: Registry, transport: Transport, method: str, path: str, status: int
) -> None:
    registry.fail(method, path, kind="late-status", status=status, times=99)
    image, blobs = made_image()
    state = registries.inspect_repository(transport, lambda: NOBODY, [name(registry)])
    state = replace(state, session=replace(state.session, part_size=90, sends_whole=method != "PATCH"))
    registries.push(state, [image], blobs, Silent(), candidates=MountCandidates())
    assert registry.asked("POST") == 4
    for layer in image.layers:
        assert registry.blobs["team/polls", layer.digest] == blobs.blobs[layer.digest]


@pytest.mark.parametrize("status", [400, 401, 403, 405, 406, 410, 501])
@pytest.mark.parametrize(
    "looks",
    [
        [("GET", "manifests")],
        [("HEAD", "blobs")],
        [("GET", ""), ("HEAD", "")],
    ],
)
def test_push_goes_on_when_the_registry_lets_nobody_look(
    registry: Registry, transport: Transport, looks: list[tuple[str, str]], status: int
) -> None:
    pushed(transport, registry, *made_image("before"))
    for method, path in looks:
        registry.fail(method, path, status=status, times=99)
    image, blobs = made_image("after")
    done = pushed(transport, registry, image, blobs)
    assert registry.manifests["team/polls", "1.0"][1] == image.manifest.data
    assert done.new
    for layer in image.layers:
        assert registry.blobs["team/polls", layer.digest] == blobs.blobs[layer.digest]


def test_push_sends_no_large_blob_that_is_there_although_it_may_not_read_manifests(
    registry: Registry, transport: Transport
) -> None:
    """Amazon ECR's BatchCheckLayerAvailability without BatchGetImage."""
    image, blobs = made_image("small", random.Random(1).randbytes(100_000).hex())
    pushed(transport, registry, image, blobs)
    registry.fail("GET", "manifests", status=403, times=99)
    blobs.opened.clear()
    done = pushed(transport, registry, image, blobs)
    assert image.layers[1].digest not in blobs.opened
    assert done.present_blobs == 1


def test_push_goes_on_when_the_token_gives_only_the_right_to_push(registry: Registry, transport: Transport) -> None:
    registry.tokens = support.Tokens(actions={"push"})
    image, blobs = made_image()
    pushed(transport, registry, image, blobs, BOB)
    assert registry.manifests["team/polls", "1.0"][1] == image.manifest.data


def test_push_of_an_index_goes_on_when_the_registry_lets_nobody_look(registry: Registry, transport: Transport) -> None:
    for method in ("GET", "HEAD"):
        registry.fail(method, "", status=403, times=99)
    images, blobs = two_images()
    state = registries.inspect_repository(transport, lambda: NOBODY, [name(registry)])
    registries.push(state, images, blobs, Silent(), candidates=MountCandidates())
    assert registry.manifests["team/polls", "1.0"][1] == index(images).data


def test_push_tries_refused_credentials_with_one_blob(registry: Registry, transport: Transport) -> None:
    registry.users["bob"] = "right"
    wrong = Credentials("the credentials of bob in /x/config.json", "bob", "hunter2")
    error = failure(transport, registry, wrong)
    assert isinstance(error, DeniedError)
    assert "pushing the configuration sha256:" in error.message
    assert len([one for one in registry.authorizations if one is not None]) == 2


def test_soci_index_is_pushed_with_its_image(registry: Registry, transport: Transport) -> None:
    image, blobs = seekable_image()
    assert image.soci is not None
    done = pushed(transport, registry, image, blobs)
    top = index([image])
    assert registry.manifests["team/polls", "1.0"] == (top.descriptor.media_type, top.data)
    for one in (image.manifest, image.soci.manifest):
        assert registry.manifests["team/polls", one.digest] == (one.descriptor.media_type, one.data)
    for table in image.soci.tables:
        assert registry.blobs["team/polls", table.digest] == blobs.blobs[table.digest]
    assert (done.sent_blobs, str(done.names[0].digest)) == (6, top.digest)
    assert not pushed(transport, registry, image, blobs).new


def test_one_changed_layer_sends_no_table_again(registry: Registry, transport: Transport) -> None:
    pushed(transport, registry, *seekable_image("a", "b", "c"))
    image, blobs = seekable_image("a", "b", "d")
    done = pushed(transport, registry, image, blobs)
    assert (done.sent_blobs, done.present_blobs) == (2, 4)
