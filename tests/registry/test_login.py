"""Logging in to registries that want Bearer tokens."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from grocker import registry as registries
from grocker.errors import DeniedError, GrockerError, TryAgainError, UnavailableError
from grocker.oci.reference import parse
from grocker.progress import Silent
from grocker.registry import Credentials, MountCandidates, PushResult
from grocker.registry.login import Login
from grocker.web import Transport
from tests.support import registry as support
from tests.support.image import made_image
from tests.support.registry import Registry, Tokens
from tests.support.web import Reply, serving

pytestmark = pytest.mark.slow

NOBODY = Credentials("no credentials (test)")
BOB = Credentials("the credentials of bob in /x/config.json", "bob", "right")
WRONG = Credentials("the credentials of bob in /x/config.json", "bob", "hunter2")
IDENTITY = Credentials("the token in /x/config.json", identity_token="secret-identity")
BASIC = "Basic " + base64.b64encode(b"bob:right").decode()


@pytest.fixture
def registry() -> Iterator[Registry]:
    with support.running() as one:
        one.tokens = Tokens()
        yield one


@pytest.fixture
def tokens(registry: Registry) -> Tokens:
    assert registry.tokens is not None
    return registry.tokens


@pytest.fixture
def transport() -> Iterator[Transport]:
    with Transport(environ={}, attempts=3, sleep=lambda _: None) as one:
        yield one


def pushed(
    transport: Transport,
    registry: Registry,
    credentials: Credentials = NOBODY,
    repository: str = "team/polls",
    candidates: MountCandidates | None = None,
) -> PushResult:
    made, blobs = made_image()
    name = parse(f"{registry.host}/{repository}:1.0")
    return registries.push(
        registries.inspect_repository(transport, lambda: credentials, [name]),
        [made],
        blobs,
        Silent(),
        candidates=candidates or MountCandidates(),
    )


def failure(transport: Transport, registry: Registry, credentials: Credentials = NOBODY) -> GrockerError:
    with pytest.raises(GrockerError) as caught:
        pushed(transport, registry, credentials)
    assert not registry.manifests
    text = repr([caught.value, caught.value.message, caught.value.hint, caught.value.__cause__])
    assert "hunter2" not in text
    assert "secret" not in text
    return caught.value


def test_push_asks_once_for_a_token_for_what_it_does(registry: Registry, transport: Transport, tokens: Tokens) -> None:
    pushed(transport, registry)
    [(method, asked, authorization)] = tokens.requests
    assert (method, authorization) == ("GET", None)
    assert asked == {"service": ["test, of ours"], "scope": ["repository:team/polls:pull,push"]}
    assert registry.manifests["team/polls", "1.0"]


def test_push_shows_the_password_to_the_token_server_alone(
    registry: Registry, transport: Transport, tokens: Tokens
) -> None:
    tokens.users["bob"] = "right"
    pushed(transport, registry, BOB)
    [(_, asked, authorization)] = tokens.requests
    assert authorization == BASIC
    assert asked["account"] == ["bob"]
    paths = [path for _, path in registry.requests]
    sent = [a for path, a in zip(paths, registry.authorizations, strict=True) if path != "/token"]
    assert set(sent) == {None, "Bearer t0"}


def test_push_changes_an_identity_token_for_an_access_token(
    registry: Registry, transport: Transport, tokens: Tokens
) -> None:
    tokens.identities.add("secret-identity")
    tokens.users["nobody"] = "else"
    pushed(transport, registry, IDENTITY)
    [(method, asked, authorization)] = tokens.requests
    assert (method, authorization) == ("POST", None)
    assert asked == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["secret-identity"],
        "service": ["test, of ours"],
        "client_id": ["grocker"],
        "scope": ["repository:team/polls:pull,push"],
    }


def test_push_presents_a_registry_token_as_it_is(registry: Registry, transport: Transport, tokens: Tokens) -> None:
    tokens.issued["given"] = {("team/polls", "pull"), ("team/polls", "push")}
    pushed(transport, registry, Credentials("the token in /x", registry_token="given"))
    assert tokens.requests == []


def test_push_gets_a_new_token_when_the_old_one_is_refused(
    registry: Registry, transport: Transport, tokens: Tokens
) -> None:
    registry.fail("PUT", "blobs/uploads/u1", status=401, headers={"WWW-Authenticate": _challenge(registry)})
    pushed(transport, registry)
    assert len(tokens.requests) == 2
    assert registry.manifests


def test_login_gets_a_new_token_when_the_old_one_is_about_to_end(
    registry: Registry, transport: Transport, tokens: Tokens
) -> None:
    tokens.lives = 300
    now = 1000.0
    login = Login(transport, registry.host, f"http://{registry.host}", lambda: NOBODY, clock=lambda: now)
    scopes = ["repository:a:pull"]
    assert login.authorization(scopes) is None
    assert login.answer(_challenge(registry), scopes, None) == "Bearer t0"
    now += 289
    assert login.authorization(scopes) == "Bearer t0"
    now += 2
    assert login.authorization(scopes) == "Bearer t1"
    assert login.authorization(["repository:b:pull"]) == "Bearer t2"
    assert login.authorization(scopes) == "Bearer t1"


def _challenge(registry: Registry) -> str:
    return f'Bearer realm="http://{registry.host}/token",service="test, of ours"'


def test_push_is_denied_when_the_token_server_refuses_the_credentials(
    registry: Registry, transport: Transport, tokens: Tokens
) -> None:
    tokens.users["bob"] = "right"
    error = failure(transport, registry, WRONG)
    assert isinstance(error, DeniedError)
    assert error.message == (
        f"logging in to {registry.host}: 127.0.0.1 refused the credentials of bob in /x/config.json: "
        "401, incorrect username or password"
    )
    assert f"docker login {registry.host}" in (error.hint or "")


def test_push_is_denied_when_there_are_no_credentials_for_the_token_server(
    registry: Registry, transport: Transport, tokens: Tokens
) -> None:
    tokens.users["bob"] = "right"
    assert "refused a request with no credentials (test): 401" in failure(transport, registry).message


def test_push_is_denied_when_the_token_gives_no_right(registry: Registry, transport: Transport, tokens: Tokens) -> None:
    tokens.hidden.add("team/polls")
    error = failure(transport, registry, BOB)
    assert isinstance(error, DeniedError)
    assert "sent: the credentials of bob in /x/config.json" in error.message
    assert len(tokens.requests) <= 5


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"{}", "the answer has no token"),
        (b"<html>", "the answer has no token"),
        (b'{"token": ""}', "the answer has no token"),
        (b'{"token": "a\\r\\nX-Evil: 1"}', "the answer has no token"),
        (b'["token"]', "the answer has no token"),
    ],
)
def test_push_is_unavailable_when_the_token_servers_answer_is_none(
    registry: Registry, transport: Transport, tokens: Tokens, answer: bytes, words: str
) -> None:
    tokens.answer = answer
    error = failure(transport, registry)
    assert isinstance(error, UnavailableError)
    assert error.message.startswith(f"asking 127.0.0.1 for a token for {registry.host}: ")
    assert words in error.message


@pytest.mark.parametrize(("status", "kind"), [(500, UnavailableError), (429, TryAgainError)])
def test_push_fails_as_the_token_server_does(
    registry: Registry, transport: Transport, status: int, kind: type[GrockerError]
) -> None:
    registry.fail("GET", "/token", status=status, times=99, body=b'{"details":"down for today"}')
    error = failure(transport, registry)
    assert isinstance(error, kind)
    assert f"for a token for {registry.host}: {status}, down for today" in error.message


@pytest.mark.parametrize(
    ("realm", "shown"),
    [
        ("http://auth.example.invalid/token", "http://auth.example.invalid/token"),
        ("http://127.0.0.1.example.invalid/token", "http://127.0.0.1.example.invalid/token"),
        ("ftp://127.0.0.1/token", "ftp://127.0.0.1/token"),
        ("/token", "'/token'"),
        ("http://[::1", "'http://[::1'"),
    ],
)
def test_push_sends_no_credentials_where_they_could_be_read(
    registry: Registry, transport: Transport, tokens: Tokens, realm: str, shown: str
) -> None:
    tokens.realm = realm
    error = failure(transport, registry, WRONG)
    assert isinstance(error, DeniedError)
    assert f"its token server {shown} is not HTTPS; no credentials were sent" in error.message


def test_login_sends_no_credentials_to_this_machine_when_the_registry_is_another(transport: Transport) -> None:
    login = Login(transport, "registry.example.invalid", "https://registry.example.invalid", lambda: BOB)
    with pytest.raises(DeniedError, match="is not HTTPS"):
        login.answer('Bearer realm="http://127.0.0.1:1/token"', ["repository:a:pull"], None)


def test_push_answers_no_challenge_of_another_host(transport: Transport) -> None:
    """A redirect that would carry a credential to another host."""

    def evil(_: object) -> Reply:
        return Reply(401, headers={"WWW-Authenticate": 'Basic realm="mine now"'})

    with support.running() as registry, serving(evil) as other:
        registry.users["bob"] = "right"
        other_host = other.url("/v2/team/polls/manifests/1.0").replace("127.0.0.1", "localhost")
        registry.fail("GET", "manifests", status=307, headers={"Location": other_host}, times=9)
        registry.fail("PUT", "manifests", status=307, headers={"Location": other_host}, times=9)
        error = failure(transport, registry, BOB)
        assert isinstance(error, DeniedError)
        assert f"{registry.host} redirects to localhost, which asks for credentials" in error.message
        assert f"those for {registry.host} were not sent there" in error.message
        assert all("Authorization" not in one.headers for one in other.requests)


@pytest.mark.parametrize("refuses", [False, True])
def test_push_sends_a_blob_when_it_may_not_read_where_it_could_be_mounted_from(
    registry: Registry, transport: Transport, tokens: Tokens, refuses: bool
) -> None:
    candidates = MountCandidates()
    pushed(transport, registry, repository="other/polls", candidates=candidates)
    tokens.hidden.add("other/polls")
    tokens.refuses_hidden = refuses
    done = pushed(transport, registry, repository="team/polls", candidates=candidates)
    assert (done.sent_blobs, done.mounted_blobs) == (4, 0)


def test_push_asks_for_the_right_to_read_where_it_mounts_from(
    registry: Registry, transport: Transport, tokens: Tokens
) -> None:
    candidates = MountCandidates()
    pushed(transport, registry, repository="other/polls", candidates=candidates)
    done = pushed(transport, registry, repository="team/polls", candidates=candidates)
    assert (done.sent_blobs, done.mounted_blobs) == (0, 4)
    assert tokens.requests[-1][1]["scope"] == ["repository:other/polls:pull", "repository:team/polls:pull,push"]
    assert len(tokens.requests) == 3


@pytest.mark.parametrize("credentials", [IDENTITY, WRONG])
def test_push_shows_no_secret_to_whom_the_token_server_redirects(
    registry: Registry, transport: Transport, tokens: Tokens, credentials: Credentials
) -> None:
    with serving(lambda _: Reply(401)) as other:
        elsewhere = other.url("/token").replace("127.0.0.1", "localhost")
        for method in ("GET", "POST"):
            registry.fail(method, "/token", status=307, headers={"Location": elsewhere}, times=9)
        failure(transport, registry, credentials)
        assert all(one.method == "GET" and "Authorization" not in one.headers for one in other.requests)
