"""Parsers of what registries, token servers and engines answer, and of docker's configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from grocker.errors import GrockerError
from grocker.images.engine import Engine
from grocker.oci import Descriptor, values
from grocker.oci.reading import parse_root, read_images
from grocker.oci.reference import parse
from grocker.registry import challenge, refusal
from grocker.registry.auth import Credentials, find_credentials
from grocker.registry.login import Login
from grocker.runner.status.loopback_request import _head
from grocker.web import HttpError, Transport
from grocker.web.broken_connection import BrokenError
from grocker.web.failure import HttpUnavailableError, retry_after
from grocker.web.raw_response import RawResponse, ResponseError
from tests.fuzz.target import Target, join, parts, scratch, write
from tests.support.image import made_image, two_images

_NAME = parse("registry.example.com/team/polls:1.0")
_SCOPES = ("repository:team/polls:pull,push",)


@dataclass(frozen=True)
class _Body:
    """An accepted answer."""

    data: bytes

    def read(self, most: int) -> bytes:
        return self.data[:most]


class _Answering(Transport):
    """A transport whose every answer is ``data``, an error if ``status`` is one; secrets go nowhere in the clear."""

    def __init__(self, data: bytes, status: int = 200) -> None:
        super().__init__(environ={})
        self._data, self._status = data, status

    @contextmanager
    def _answer(self) -> Iterator[_Body]:
        yield _Body(self._data)

    def open(self, method: str, url: str, **options: object) -> object:  # type: ignore[override]
        assert urlsplit(url).scheme == "https", url
        headers = options.get("headers")
        assert isinstance(headers, Mapping)
        for value in headers.values():
            str(value).encode("latin-1")
            assert "\n" not in str(value), value
        if self._status != 200:
            raise HttpUnavailableError("asking", status_code=self._status, headers={}, detail=self._data, url=url)
        return self._answer()


def _log_in(asked: bytes, data: bytes, status: int, credentials: Credentials) -> None:
    transport = _Answering(data, status)
    login = Login(transport, _NAME.registry, "https://registry.example.com", lambda: credentials)
    try:
        header = login.answer(asked.decode("latin-1"), _SCOPES, None)
    except HttpError as error:  # what a push does with it
        refusal.translate(error, "pushing", registry=_NAME.registry, method="PUT", url="https://x/v2/a/manifests/b")
        raise
    if header is not None:
        assert header.isascii() and header.isprintable(), header


def _read_challenge(data: bytes) -> None:
    found = challenge.parse(data.decode("latin-1"))
    assert sum(len(value) for one in found for value in one.parameters.values()) <= len(data)
    challenge.merge_scopes(value for one in found for value in one.parameters.values())
    _log_in(data, b'{"token": "x"}', 200, Credentials("bob", "bob", "secret"))


def _read_token(data: bytes) -> None:
    asked = b'Bearer realm="https://auth.example.com/token?a=b",service="registry"'
    for status in (401, 403, 503):
        try:
            _log_in(asked, data, status, Credentials("none"))
        except GrockerError:
            continue
    _log_in(asked, data, 200, Credentials("nobody"))


def _read_refusal(data: bytes) -> None:
    kind, detail = parts(data, 2)
    headers = {"Content-Type": kind.decode("latin-1")}
    for status in (400, 403, 404, 413, 500):
        error = HttpUnavailableError("x", status_code=status, headers=headers, detail=detail, url="https://x/")
        for method in ("GET", "PUT"):
            url = "https://x/v2/a/manifests/1.0"
            found = refusal.translate(error, "pushing", registry="x", method=method, url=url)
            assert "\n" not in found.message
            refusal.describe_answer(error, "x")
            refusal.denies_for_good(error, method, url)


def _check_secrets(message: str, found: Credentials) -> None:
    secrets = [one for one in (found.password, found.identity_token, found.registry_token) if one]
    assert not any(len(one) > 3 and one in message for one in secrets)


def _read_docker_configuration(data: bytes) -> None:
    place = write("docker/config.json", data).parent
    environ = {"DOCKER_CONFIG": str(place), "XDG_RUNTIME_DIR": str(place / "none"), "PATH": str(scratch() / "none")}
    for name in (_NAME, parse("polls")):
        found = find_credentials(environ, name, uid=1000)
        bearer = b'Bearer realm="https://auth.example.com/token",service="registry"'
        for asked in (b"Basic", bearer):
            try:
                _log_in(asked, b'{"token": "x"}', 200, found)
            except GrockerError as error:
                _check_secrets(error.message, found)


def _read_manifest(data: bytes) -> None:
    """A manifest or index, and what it refers to: whatever digest is asked for, the second part has it."""
    root, config = parts(data, 2)
    found = Descriptor(media_type=values.CONFIG, digest="", size=len(config))
    root = root.replace(b"@DIGEST@", values.describe(found.media_type, config).digest.encode())
    root = root.replace(b"@SIZE@", b"%d" % len(config))
    read_images(parse_root(root), lambda _: config, what="polls:1.0")
    parse_root(config, "text/html")


def _manifests() -> list[bytes]:
    made, _ = made_image()
    digest, size = made.config.digest.encode(), b'"size":%d' % len(made.config.data)
    manifest = made.manifest.data.replace(digest, b"@DIGEST@").replace(size, b'"size":@SIZE@')
    listed, _ = two_images("a")
    first = values.encode(
        values.Index(
            schema_version=2,
            manifests=(Descriptor(values.MANIFEST, "@DIGEST@", 0, platform=values.PlatformValue("amd64", "linux")),),
        )
    ).replace(b'"size":0', b'"size":@SIZE@')
    return [join(manifest, made.config.data), join(first, listed[0].manifest.data)]


def _read_engine(data: bytes) -> None:
    Engine("unix:///x")._parse(data, "asking", None).message()


def _read_head(data: bytes) -> None:
    status, length = _head(data)
    assert status is None or 0 <= status <= 999
    assert length is None or length >= 0


class _Network:
    """A peer that sends ``data``, a piece at a time, and ends the connection."""

    def __init__(self, data: bytes, piece: int) -> None:
        self._data = data
        self._piece = piece
        self.freed = 0

    def receive(self, size: int, seconds: float) -> bytes:
        assert size > 0
        assert seconds > 0
        size = min(size, self._piece)
        data, self._data = self._data[:size], self._data[size:]
        return data

    def release(self) -> None:
        self.freed += 1

    def close(self) -> None:
        self.freed += 1


def _read_response(data: bytes) -> None:
    """However the network cuts it, a response is the same, or none; its connection is freed once."""
    seen: set[object] = set()
    for method in ("GET", "HEAD"):
        for piece in (7, 1 << 16):
            network = _Network(data, piece)
            try:
                response = RawResponse(network, method, 60, release=network.release)
                assert 200 <= response.status <= 999
                body = b""
                while more := response.read(1000):
                    assert len(more) <= 1000
                    body += more
                    assert response.left is None or response.left >= 0
                assert response.left == 0
                assert not body or method == "GET"
            except (ResponseError, BrokenError):
                seen.add((method, None))
            else:
                assert network.freed == 1
                seen.add((method, (response.status, response.reason, tuple(response.headers.items()), body)))
    assert len(seen) == 2, seen


def _read_wait(data: bytes) -> None:
    retry_after(data.decode("latin-1"), 0.0)


def _json(*documents: object) -> Callable[[], list[bytes]]:
    return lambda: [json.dumps(one).encode() for one in documents]


_JSON = (b"{}", b"[]", b"null", b"-1", b"1e400", b'"\\ud800"', b'"\\u0000"', b'""', b"[[", b'{"a":')
_AUTHS = {
    "auths": {
        "https://registry.example.com/v1/": {"auth": "Ym9iOnNlY3JldA=="},
        "registry.example.com/team": {"identitytoken": "identity"},
        "https://index.docker.io/v1/": {"username": "bob", "password": "secret"},
    },
    "credsStore": "",
    "credHelpers": {"other.example.com": "pass"},
}

TARGETS = (
    Target(
        "manifest", _read_manifest, (GrockerError,), _manifests, (*_JSON, b"@DIGEST@", b"@SIZE@", b'"size":-5'), 10_000
    ),
    Target(
        "challenge",
        _read_challenge,
        (GrockerError,),
        lambda: [
            b'Bearer realm="https://auth.example.com/token",service="registry",scope="repository:a/b:pull,push"',
            b'Negotiate abc==, Basic realm="x\\"y", Bearer error="invalid_token"',
        ],
        (b"Bearer ", b"realm=", b'="', b'", ', b"https://[", b"https://a:b@", b"http://localhost", b":99999/", b"?"),
        500,
    ),
    Target(
        "token",
        _read_token,
        (GrockerError,),
        _json({"token": "abc", "expires_in": 300}, {"access_token": "x"}, {"errors": [{"code": "a", "message": "b"}]}),
        (*_JSON, b'"token": ', b'"expires_in": ', b'"errors": ', b"Infinity", b"NaN"),
        2_300,
    ),
    Target(
        "refusal",
        _read_refusal,
        (GrockerError,),
        lambda: [
            join(
                "application/json", '{"errors":[{"code":"MANIFEST_INVALID","message":"media type","detail":{"a":[1]}}]}'
            ),
            join("text/plain", "quota exceeded"),
        ],
        (*_JSON, b'"code": ', b"DIGEST_INVALID", b"immutable"),
        2_750,
    ),
    Target(
        "docker-configuration",
        _read_docker_configuration,
        (GrockerError,),
        _json(
            _AUTHS,
            {"auths": {"docker.io": {"auth": "YTpi\nYw=="}}},
            {"credsStore": "x y"},
            {"auths": {"registry.example.com": {"identitytoken": "x"}}},
            {"auths": {"registry.example.com": {"username": "x", "password": "y"}}},
        ),
        (*_JSON, b'"AUTHS": ', b'"registrytoken": ', b'"identitytoken": ', b'"auth": ', b"OmE=", b"gIA6YQ==", b"YTo="),
        3_250,
    ),
    Target(
        "engine",
        _read_engine,
        (GrockerError,),
        lambda: [
            b'HTTP/1.1 404 Not Found\r\nContent-Length: 17\r\n\r\n{"message": "no"}',
            b"HTTP/1.0 200 OK\r\n\r\n{}",
        ],
        (*_JSON, b"\r\n", b"\r\n\r\n", b"Content-Length: ", b'"message": '),
        10_000,
    ),
    Target(
        "response",
        _read_response,
        (),
        lambda: [
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
            b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            b"HTTP/1.0 404 Not Found\r\nWWW-Authenticate: Basic\r\nWWW-Authenticate: Bearer\r\n\r\nno",
            b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
        ],
        (
            b"\r\n",
            b"\n",
            b"HTTP/1.1 101 ",
            b"Upgrade: x",
            b"Content-Length: ",
            b"Transfer-Encoding: ",
            b"0\r\n\r\n",
            b"-1",
        ),
        2_500,
    ),
    Target(
        "application-response",
        _read_head,
        (),
        lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x"],
        (b"\r\n", b"HTTP/1.", b"Content-Length:"),
        10_000,
    ),
    Target(
        "retry-after",
        _read_wait,
        (),
        lambda: [b"120", b"Wed, 21 Oct 2026 07:28:00 GMT"],
        (b"-2359", b"9999", b"Jan", b"(", b","),
        10_000,
    ),
)
