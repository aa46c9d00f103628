from __future__ import annotations

import io
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from grocker.errors import (
    CorruptError,
    DeniedError,
    GrockerError,
    MissingError,
    SettingsError,
    TryAgainError,
    UnavailableError,
)
from grocker.web import HttpError, Transport, basic_authorization
from tests.support.web import CERTIFICATE, Reply, Request, Script, serving

BODY = bytes(range(256)) * 1000


def get(
    url: str, environ: Mapping[str, str] | None = None, *, waits: list[float] | None = None, limit: int = 1 << 20
) -> bytes:
    sleep = waits.append if waits is not None else lambda _: None
    with (
        Transport(environ=environ or {}, attempts=4, sleep=sleep) as transport,
        transport.open("GET", url, action="fetching the thing") as response,
    ):
        return response.read(limit)


def failure(url: str, environ: Mapping[str, str] | None = None) -> GrockerError:
    with pytest.raises(GrockerError) as caught:
        get(url, environ)
    return caught.value


def one_by_one(*replies: Reply) -> Script:
    """A script that gives the replies in turn, the last one for ever."""
    left = list(replies)

    def script(_: Request) -> Reply:
        return left.pop(0) if len(left) > 1 else left[0]

    return script


def test_importing_the_transport_imports_no_http_library() -> None:
    code = (
        "import sys, grocker.web; print([m for m in ('httptools', 'ssl', 'http.client', 'socket') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_open_gives_the_body_when_the_server_answers() -> None:
    with serving(one_by_one(Reply(body=BODY))) as server:
        assert get(server.url()) == BODY
        assert server.requests[0].headers["User-Agent"].startswith("grocker/")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_open_tries_again_when_the_server_is_in_trouble(status: int) -> None:
    waits: list[float] = []
    with serving(one_by_one(Reply(status), Reply(status), Reply(body=b"ok"))) as server:
        assert get(server.url(), waits=waits) == b"ok"
    assert len(waits) == 2
    assert 0.125 <= waits[0] <= 0.25 <= waits[1] <= 0.5


def test_open_waits_as_long_as_the_server_asks_when_it_says_so() -> None:
    waits: list[float] = []
    with serving(one_by_one(Reply(429, headers={"Retry-After": "7"}), Reply(body=b"ok"))) as server:
        assert get(server.url(), waits=waits) == b"ok"
    assert waits == [7.0]


def test_open_does_not_wait_when_the_server_asks_for_too_long() -> None:
    with serving(one_by_one(Reply(429, headers={"Retry-After": "3600"}))) as server:
        error = failure(server.url())
        assert len(server.requests) == 1
    assert isinstance(error, TryAgainError)
    assert error.hint == "the server asks to wait 3600 s"


@pytest.mark.parametrize(
    ("status", "kind", "attempts"),
    [
        (400, UnavailableError, 1),
        (401, DeniedError, 1),
        (403, DeniedError, 1),
        (404, MissingError, 1),
        (410, MissingError, 1),
        (429, TryAgainError, 4),
        (500, UnavailableError, 4),
        (503, UnavailableError, 4),
    ],
)
def test_open_raises_by_status_when_the_answer_is_not_accepted(
    status: int, kind: type[GrockerError], attempts: int
) -> None:
    with serving(one_by_one(Reply(status, b"so\x1b[2J it is", {"Content-Type": "text/plain"}))) as server:
        error = failure(server.url("/a?signature=secret"))
        assert len(server.requests) == attempts
        assert error.message.startswith(f"fetching the thing: {server.url('/a')} answered {status} ")
    assert isinstance(error, kind)
    assert isinstance(error, HttpError)
    assert error.status_code == status
    assert error.detail == b"so\x1b[2J it is"
    assert error.message.endswith(": so [2J it is")
    assert "secret" not in f"{error.message}{error.hint}"


def test_open_tries_again_when_the_connection_closes_without_an_answer() -> None:
    with serving(one_by_one(Reply(drop=True), Reply(body=b"ok"))) as server:
        assert get(server.url()) == b"ok"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:1/x", "connection refused"),
        ("http://host.invalid/x", "cannot resolve the name"),
    ],
)
def test_open_is_unavailable_when_there_is_no_server(url: str, words: str) -> None:
    error = failure(url)
    assert isinstance(error, UnavailableError)
    assert error.message == f"fetching the thing: {url}: {words}"


@pytest.mark.parametrize(
    "url", ["", "ftp://host.invalid/", "/path", "http://", "http://host.invalid:port/", "http://[::1"]
)
def test_open_refuses_an_address_when_it_is_none(url: str) -> None:
    assert isinstance(failure(url), SettingsError)


def test_open_waits_longer_for_the_answer_when_it_is_told_to() -> None:
    def script(_: Request) -> Reply:
        time.sleep(0.3)
        return Reply(body=b"ok")

    with (
        serving(script) as server,
        Transport(environ={}, attempts=1, read_timeout=0.1) as transport,
        transport.open("PUT", server.url(), action="sending", body=b"", answer_timeout=60) as response,
    ):
        assert response.status == 200


def test_open_sends_a_stream_again_from_where_it_stood_when_it_fails() -> None:
    stream = io.BytesIO(b"skipped" + BODY)
    stream.seek(7)
    with (
        serving(one_by_one(Reply(500), Reply(201))) as server,
        Transport(environ={}, sleep=lambda _: None) as transport,
        transport.open("PUT", server.url(), action="sending", body=stream, size=len(BODY), accept=(201,)),
    ):
        assert [one.body for one in server.requests] == [BODY, BODY]


# -- cut bodies -----------------------------------------------------------------------------------------------------


def _ranges(parts: int, tag: str = '"v1"') -> Script:
    """Gives at most 1/``parts`` of the body at a time, and honours Range."""

    def script(request: Request) -> Reply:
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        headers = {"ETag": tag}
        if start:
            assert request.headers["If-Range"] == tag
            headers["Content-Range"] = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
        sent = BODY[start : start + len(BODY) // parts + 1]
        return Reply(206 if start else 200, sent, headers, length=len(BODY) - start)

    return script


def test_body_is_resumed_where_it_broke_when_the_connection_is_cut() -> None:
    with serving(_ranges(3)) as server:
        assert get(server.url()) == BODY
        assert len(server.requests) == 3


def test_body_is_read_again_when_the_server_knows_no_ranges() -> None:
    with serving(one_by_one(Reply(body=BODY[:1000], length=len(BODY)), Reply(body=BODY))) as server:
        assert get(server.url()) == BODY


def test_body_is_unavailable_when_it_changed_meanwhile() -> None:
    first = Reply(body=BODY[:1000], length=len(BODY), headers={"ETag": '"v1"'})
    with serving(one_by_one(first, Reply(body=BODY, headers={"ETag": '"v2"'}))) as server:
        assert "does not support resuming after 1000 bytes" in failure(server.url()).message


@pytest.mark.parametrize(
    "reply", [Reply(body=BODY[:1000], length=len(BODY)), Reply(chunked=[BODY[:1000]])], ids=["length", "chunked"]
)
def test_body_is_unavailable_when_it_is_always_cut(reply: Reply) -> None:
    with serving(one_by_one(reply)) as server:
        error = failure(server.url())
    assert isinstance(error, UnavailableError)
    assert re.search(r": the connection was cut after (0|1000) bytes$", error.message)


def test_body_is_corrupt_when_it_is_longer_than_it_may_be() -> None:
    with (
        serving(one_by_one(Reply(body=BODY))) as server,
        pytest.raises(CorruptError, match="more than the allowed 10 bytes"),
    ):
        get(server.url(), limit=10)


# -- redirects and credentials --------------------------------------------------------------------------------------


def test_redirect_is_followed_with_credentials_when_it_stays_on_the_host() -> None:
    with serving(one_by_one(Reply(302, headers={"Location": "/b"}), Reply(body=b"ok"))) as server:
        assert get(server.url("/a").replace("//", "//bob:s%20cret@")) == b"ok"
        assert [one.headers["Authorization"] for one in server.requests] == [basic_authorization("bob", "s cret")] * 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_loses_credentials_when_it_goes_to_another_host(status: int) -> None:
    with (
        serving(one_by_one(Reply(body=b"ok"))) as other,
        serving(one_by_one(Reply(status, headers={"Location": other.url("/b")}))) as server,
    ):
        assert get(server.url().replace("//", "//bob:secret@")) == b"ok"
        assert "Authorization" in server.requests[0].headers
        assert "Authorization" not in other.requests[0].headers


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("body", [BODY, io.BytesIO(b"before" + BODY)])
def test_redirect_of_an_upload_keeps_method_and_body(status: int, body: bytes | io.BytesIO) -> None:
    if not isinstance(body, bytes):
        body.seek(6)
    with serving(one_by_one(Reply(201))) as other:
        target = other.url("/there?a=b").replace("127.0.0.1", "localhost")
        with (
            serving(one_by_one(Reply(status, headers={"Location": target}))) as server,
            Transport(environ={}, attempts=1) as transport,
            transport.open(
                "PUT",
                server.url(),
                action="sending",
                body=body,
                size=len(BODY),
                accept=(201,),
                headers={"Authorization": "secret", "Content-Type": "x/y"},
            ) as response,
        ):
            assert response.url == target.partition("?")[0]
        [request] = other.requests
        assert (request.method, request.path, request.body) == ("PUT", "/there?a=b", BODY)
        assert request.headers["Content-Type"] == "x/y"
        assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("status", "method", "follow"), [(302, "POST", True), (307, "POST", False), (307, "GET", False)]
)
def test_redirect_is_an_answer_when_it_may_not_be_followed(status: int, method: str, follow: bool) -> None:
    with serving(one_by_one(Reply(status, headers={"Location": "/there"}))) as server:
        with Transport(environ={}) as transport, pytest.raises(HttpError) as caught:
            transport.open(method, server.url("/here"), action="sending", body=b"secret", redirects=follow)
        assert caught.value.status_code == status
        assert caught.value.url == server.url("/here")
        assert len(server.requests) == 1


def test_redirect_is_refused_when_it_leaves_https() -> None:
    with (
        serving(one_by_one(Reply(body=b"ok"))) as other,
        serving(one_by_one(Reply(302, headers={"Location": other.url("/b")})), tls=True) as server,
    ):
        error = failure(server.url(), {"SSL_CERT_FILE": str(CERTIFICATE)})
        assert other.requests == []
    assert "which is not HTTPS" in error.message


def test_redirects_end_when_they_go_in_a_circle() -> None:
    with serving(one_by_one(Reply(302, headers={"Location": "/"}))) as server:
        assert "more than 10 redirects" in failure(server.url()).message


def test_credentials_are_in_no_message_when_they_are_refused() -> None:
    with serving(one_by_one(Reply(401))) as server:
        error = failure(server.url().replace("//", "//bob:hunter2@"))
    assert isinstance(error, DeniedError)
    assert error.hint == "sent: the credentials in the address"
    text = f"{error.message} {error.hint} {error!r} {error.__context__!r}"
    assert "hunter2" not in text
    assert "bob" not in text


def test_credentials_come_from_netrc_when_it_has_the_host(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login bob password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    with serving(one_by_one(Reply(401))) as server:
        error = failure(server.url(), {"HOME": str(tmp_path)})
        assert server.requests[0].headers["Authorization"] == basic_authorization("bob", "secret")
    assert error.hint == f"sent: the credentials in {tmp_path}/.netrc"


def test_netrc_is_named_when_it_cannot_be_read_and_credentials_are_missing(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login\nnonsense here\n")
    with serving(one_by_one(Reply(401))) as server:
        hint = failure(server.url(), {"HOME": str(tmp_path)}).hint
    assert hint is not None
    assert hint.startswith(f"sent: no credentials ({tmp_path}/.netrc cannot be read: line ")


# -- certificates and proxies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"])
def test_certificate_is_trusted_when_a_variable_names_it(variable: str) -> None:
    with serving(one_by_one(Reply(body=b"ok")), tls=True) as server:
        assert get(server.url(), {variable: str(CERTIFICATE)}) == b"ok"


def test_certificate_has_its_own_words_when_it_is_not_trusted() -> None:
    with serving(one_by_one(Reply(body=b"ok")), tls=True) as server:
        error = failure(server.url())
    assert isinstance(error, UnavailableError)
    assert "the certificate is not trusted: self-signed certificate" in error.message
    assert error.hint is not None
    assert "SSL_CERT_FILE" in error.hint


def test_trust_file_is_named_when_it_holds_no_certificates(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing")
    with serving(one_by_one(Reply()), tls=True) as server:
        error = failure(server.url(), {"SSL_CERT_FILE": str(empty)})
    assert isinstance(error, SettingsError)
    assert f"cannot read certificates from {empty} (SSL_CERT_FILE)" in error.message


def test_tls_has_its_own_words_when_the_server_speaks_none() -> None:
    with serving(one_by_one(Reply())) as server:
        assert "TLS failed" in failure(server.url().replace("http:", "https:")).message


def test_proxy_is_used_when_the_environment_names_one() -> None:
    with serving(one_by_one(Reply(body=b"ok"))) as proxy:
        place = proxy.url("").replace("//", "//me:secret@")
        assert get("http://host.invalid/x", {"http_proxy": place}) == b"ok"
        assert proxy.requests[0].path == "http://host.invalid/x"
        assert proxy.requests[0].headers["Proxy-Authorization"] == basic_authorization("me", "secret")


@pytest.mark.parametrize(
    "spared", ["*", "invalid", ".invalid", "host.invalid", "host.invalid:80", "a.example,HOST.invalid"]
)
def test_proxy_is_not_used_when_no_proxy_spares_the_host(spared: str) -> None:
    with serving(one_by_one(Reply(body=b"ok"))) as proxy:
        error = failure("http://host.invalid/x", {"HTTP_PROXY": proxy.url(""), "NO_PROXY": spared})
        assert proxy.requests == []
    assert "cannot resolve the name" in error.message


def test_proxy_is_not_used_when_the_host_is_this_machine() -> None:
    with serving(one_by_one(Reply(body=b"ok"))) as server:
        assert get(server.url(), {"http_proxy": "http://127.0.0.1:1"}) == b"ok"


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [(407, DeniedError, "the proxy refused the credentials"), (502, UnavailableError, "the proxy answered 502")],
)
def test_proxy_has_its_own_words_when_it_refuses_a_tunnel(status: int, kind: type[GrockerError], words: str) -> None:
    with serving(one_by_one(Reply(status))) as proxy:
        place = proxy.url("").replace("//", "//me:hunter2@")
        error = failure("https://host.invalid/x", {"https_proxy": place})
        assert f"through the proxy {proxy.url('')} (https_proxy)" in error.message
    assert isinstance(error, kind)
    assert words in error.message
    assert "hunter2" not in f"{error.message}{error.hint}"


def test_proxy_has_its_own_words_when_nothing_listens_there() -> None:
    error = failure("http://host.invalid/x", {"http_proxy": "http://127.0.0.1:1"})
    assert "connection refused through the proxy http://127.0.0.1:1 (http_proxy)" in error.message
    assert error.hint == "check http_proxy, or add host.invalid to NO_PROXY"


def test_proxy_is_refused_when_its_kind_is_unknown() -> None:
    error = failure("http://host.invalid/x", {"all_proxy": "socks5://user:hunter2@127.0.0.1:1"})
    assert isinstance(error, SettingsError)
    assert "unsupported proxy socks5://127.0.0.1:1 (all_proxy)" in error.message


@pytest.fixture(autouse=True)
def _no_ambient_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transport must not look at the process's own environment."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
