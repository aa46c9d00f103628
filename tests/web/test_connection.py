from __future__ import annotations

import gc
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from grocker.errors import CorruptError, GrockerError, SettingsError, UnavailableError
from grocker.web import Transport
from tests.support.accepting import accepting
from tests.support.patience import PATIENCE
from tests.support.processes import wait_until
from tests.support.web import CERTIFICATE, KEY, Reply, Request, serving, tunnelling

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Peer:
    """A server that answers each request on a connection with the next bytes, whatever was asked."""

    def __init__(self, answers: Sequence[bytes], wait: float) -> None:
        self.answers = list(answers)
        self.wait = wait
        self.heads: list[bytes] = []
        self.connections = 0
        self.ended = 0

    def serve(self, client: socket.socket) -> None:
        self.connections += 1
        with client, client.makefile("rb") as lines:
            while self.answers:
                head = b""
                while line := lines.readline():
                    head += line
                    if not line.strip():
                        break
                if not head:
                    return
                self.heads.append(head)
                answer = self.answers.pop(0)
                for start in range(0, len(answer), 7):  # in pieces, as from a network
                    client.sendall(answer[start : start + 7])
                    time.sleep(self.wait)
                if b"Content-Length" not in answer and b"chunked" not in answer:
                    break
        self.ended += 1


@contextmanager
def peer(*answers: bytes, wait: float = 0.0) -> Iterator[tuple[Peer, str]]:
    told = Peer(answers, wait)

    with accepting(told.serve) as port:
        yield told, f"http://127.0.0.1:{port}"


def get(transport: Transport, url: str, method: str = "GET") -> bytes:
    with transport.open(method, url, action="fetching the thing", accept=range(200, 600)) as response:
        return response.read()


def failure(url: str, *, read_timeout: float = 60) -> GrockerError:
    with (
        Transport(environ={}, attempts=1, read_timeout=read_timeout) as transport,
        pytest.raises(GrockerError) as caught,
    ):
        get(transport, url)
    return caught.value


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK, b"ok"),
        (b"HTTP/1.1 200\r\ncontent-LENGTH: 2\r\n\r\nok", b"ok"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\nTrailer: 1\r\n\r\n",
            b"ok",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b""),
    ],
)
def test_body_is_read_as_it_is_framed(answer: bytes, body: bytes) -> None:
    with peer(answer) as (_, url), Transport(environ={}, attempts=1) as transport:
        assert get(transport, f"{url}/") == body


def test_headers_are_found_in_any_case_and_repeated_ones_joined() -> None:
    answer = b"HTTP/1.1 200 OK\r\nWWW-Authenticate: Basic\r\nwww-authenticate: Bearer \xe9\r\nContent-Length: 0\r\n\r\n"
    with peer(answer) as (_, url), Transport(environ={}) as transport:
        headers = transport.open("GET", f"{url}/", action="asking").headers
        assert headers["Www-Authenticate"] == "Basic, Bearer é"
        assert headers.get("Link") is None
        assert set(headers) == {"www-authenticate", "content-length"}


@pytest.mark.parametrize(
    ("answer", "method"),
    [
        (EMPTY, "GET"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", "HEAD"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "GET"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno!", "GET"),
    ],
)
def test_connection_is_used_again_when_the_answer_is_whole(answer: bytes, method: str) -> None:
    with peer(answer, answer, OK) as (told, url), Transport(environ={}) as transport:
        get(transport, f"{url}/", method)
        get(transport, f"{url}/", method)
        assert get(transport, f"{url}/") == b"ok"
        assert told.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive, Close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        OK + b"junk",
    ],
)
def test_connection_is_not_used_again_when_it_may_not_be(answer: bytes) -> None:
    with peer(answer, OK) as (told, url), Transport(environ={}) as transport:
        assert get(transport, f"{url}/") == b"ok"
        time.sleep(0.1)
        assert get(transport, f"{url}/") == b"ok"
        assert told.connections == 2


def test_connection_is_not_used_again_when_the_server_ended_it() -> None:
    """Without an attempt being lost: one is all that there is."""
    with peer(OK) as (told, url), Transport(environ={}, attempts=1) as transport:
        assert get(transport, f"{url}/") == b"ok"
        wait_until(lambda: told.ended == 1)  # it has no further answer
        told.answers.append(OK)
        assert get(transport, f"{url}/") == b"ok"
        assert told.connections == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"nonsense\r\n\r\n", "the response is not valid HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the response is not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "the response is not valid HTTP"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            "the response is not valid HTTP",
        ),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "the server switched protocols"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 18), "the response headers exceed 64 KiB"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "the connection was closed before the headers were complete"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "the connection was closed before the headers were complete"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", "the connection was cut after 2 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "the connection was cut after 2 bytes"),
    ],
)
def test_response_is_refused_when_it_is_malformed(answer: bytes, words: str) -> None:
    with peer(answer) as (_, url):
        error = failure(f"{url}/")
        assert isinstance(error, UnavailableError)
        assert error.message.endswith(words)


@pytest.mark.slow
def test_headers_have_a_deadline_as_a_whole() -> None:
    with peer(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100, wait=0.1) as (_, url):
        began = time.monotonic()
        error = failure(f"{url}/", read_timeout=0.5)
        assert error.message.endswith("timeout waiting for the answer")
        assert time.monotonic() - began < 8


@contextmanager
def refusing(*, tls: bool, closes: bool) -> Iterator[str]:
    """A server that refuses a long body by 413 when it has seen its beginning.

    ``closes``: it discards the rest and closes, as nginx does (lingering_close), else it reads no more.
    """
    done = threading.Event()

    def refuse() -> None:
        client, _ = listening.accept()
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE, KEY)
            client = context.wrap_socket(client, server_side=True)
        with client, suppress(OSError):
            client.recv(1000)
            client.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            if closes:
                client.shutdown(socket.SHUT_WR)
                while client.recv(1 << 20):
                    pass
            else:
                done.wait(PATIENCE)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        yield f"http{'s' if tls else ''}://127.0.0.1:{listening.getsockname()[1]}/"
        done.set()
        thread.join()


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("closes", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_long_body_is_refused_by_a_response_that_comes_before_its_end(tls: bool, closes: bool) -> None:
    """The status counts, not that the body could not be sent."""
    with (
        refusing(tls=tls, closes=closes) as url,
        Transport(environ={"SSL_CERT_FILE": str(CERTIFICATE)}, attempts=1, read_timeout=2) as transport,
        pytest.raises(UnavailableError, match="answered 413 Too Large"),
    ):
        transport.open("PUT", url, action="sending", body=io.BytesIO(bytes(50 << 20)), size=50 << 20)


def test_no_more_of_a_stream_is_sent_than_was_announced() -> None:
    data = b"0123456789DELETE /secret HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving(lambda _: Reply()) as server, Transport(environ={}) as transport:
        transport.open("PUT", server.url(), action="sending", body=io.BytesIO(data), size=10).close()
        get(transport, server.url())
    assert [(one.method, one.body) for one in server.requests] == [("PUT", data[:10]), ("GET", b"")]


class Unreadable(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise ConnectionResetError(5, "Input/output error")


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (io.BytesIO(b"01"), "sending: the data to send ended after 2 of 10 bytes"),
        (Unreadable(), "sending: cannot read the data to send: Input/output error"),
    ],
)
def test_stream_that_cannot_be_sent_is_corrupt_and_not_the_networks_fault(stream: io.BytesIO, words: str) -> None:
    with serving(lambda _: Reply()) as server, Transport(environ={}, attempts=3) as transport:
        with pytest.raises(CorruptError) as caught:
            transport.open("PUT", server.url(), action="sending", body=stream, size=10)
        assert caught.value.message == words
        get(transport, server.url("/next"))
    assert [one.path for one in server.requests if one.method == "GET"] == ["/next"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("start", [b"0\r\nTrailer: ", b"1;x="])
def test_body_is_cut_when_what_is_no_body_never_ends(start: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + start

    def send(listening: socket.socket) -> None:
        client, _ = listening.accept()
        with client, suppress(OSError):
            client.recv(1000)
            client.sendall(answer)
            while True:
                client.sendall(b"y" * 1000)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=send, args=(listening,))
        thread.start()
        error = failure(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert error.message.endswith("the response is not valid HTTP after 0 bytes")


@pytest.mark.slow
@pytest.mark.parametrize("status", [200, 404])
def test_stalled_body_is_waited_for_once(status: int) -> None:
    def send(listening: socket.socket) -> None:
        client, _ = listening.accept()
        with client:
            client.sendall(b"HTTP/1.1 %d OK\r\nContent-Length: 100\r\n\r\nabc" % status)
            done.wait(PATIENCE)

    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=send, args=(listening,), daemon=True)
        thread.start()
        began = time.monotonic()
        with Transport(environ={}, attempts=1, read_timeout=5) as transport, pytest.raises(GrockerError):
            transport.open("GET", f"http://127.0.0.1:{listening.getsockname()[1]}/", action="reading").read()
        assert time.monotonic() - began < 9.5
        done.set()
        thread.join()


def test_request_is_sent_again_when_its_idle_connection_turns_out_to_be_closed() -> None:
    """Without an attempt being lost, which is followed by a wait."""
    paths: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        for answers in (1, 1):
            client, _ = listening.accept()
            with client:
                for _ in range(answers):
                    paths.append(client.recv(1000).split()[1])
                    client.sendall(OK)
                if len(paths) == 1:
                    paths.append(client.recv(1000).split()[1])  # and closes without a word

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        with Transport(environ={}, attempts=1) as transport:
            for path in ("/1", "/2"):
                assert get(transport, f"http://127.0.0.1:{listening.getsockname()[1]}{path}") == b"ok"
        thread.join()
    assert paths == [b"/1", b"/2", b"/2"]


def test_transport_that_is_dropped_closes_its_connections() -> None:
    ended: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        client, _ = listening.accept()
        with client:
            client.recv(1000)
            client.sendall(OK)
            ended.append(client.recv(1000))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        transport = Transport(environ={})
        assert get(transport, f"http://127.0.0.1:{listening.getsockname()[1]}/") == b"ok"
        gc.disable()  # as in the program
        try:
            del transport
            thread.join(PATIENCE)
        finally:
            gc.enable()
    assert ended == [b""]


@pytest.mark.parametrize(
    ("body", "sent", "length"),
    [
        (None, b"", None),
        (b"", b"", "0"),
        (b"x" * 300_000, b"x" * 300_000, "300000"),
        (io.BytesIO(b"y" * 300_000), b"y" * 300_000, None),
    ],
)
def test_body_is_sent_whole(body: bytes | io.BytesIO | None, sent: bytes, length: str | None) -> None:
    with serving(lambda _: Reply()) as server, Transport(environ={}) as transport:
        transport.open("POST", server.url(), action="sending", body=body).close()
    assert server.requests[0].body == sent
    assert server.requests[0].headers.get("Content-Length") == ("0" if body is None else length)
    assert ("Transfer-Encoding" in server.requests[0].headers) == isinstance(body, io.BytesIO)


def test_address_is_encoded_and_names_the_host() -> None:
    with peer(OK) as (told, url), Transport(environ={}) as transport:
        get(transport, f'{url}//a b/ü%20"[1]%zz/../?q=<ö>#fragment')
    request, host, *_ = told.heads[0].split(b"\r\n")
    assert request == b"GET //a%20b/%C3%BC%20%22%5B1%5D%25zz/../?q=%3C%C3%B6%3E HTTP/1.1"
    assert host == b"Host: " + url.removeprefix("http://").encode()


@pytest.mark.parametrize(
    "url",
    [
        "http://a b/",
        "http://exa%6Dple.invalid/",
        f"http://{'x' * 64}.invalid/",
        "http://ü.invalid/",
        "http://a..b/",
        "http://.invalid/",
        "http://a.../",
    ],
)
def test_host_is_refused_when_it_can_be_none(url: str) -> None:
    error = failure(url)
    assert isinstance(error, SettingsError)
    assert error.message.endswith("is not a valid URL")


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\n", "a\0", "€"])
def test_header_is_refused_and_not_shown_when_http_does_not_permit_it(value: str) -> None:
    with peer(OK) as (told, url), Transport(environ={}) as transport:
        with pytest.raises(SettingsError) as caught:
            transport.open("GET", f"{url}/", action="asking", headers={"Authorization": f"secret{value}"})
        assert not told.heads
    assert "secret" not in str(caught.value)


def test_ipv6_is_reached_and_named_in_brackets() -> None:
    heads = []

    def answer(listening: socket.socket) -> None:
        client, _ = listening.accept()
        with client:
            heads.append(client.recv(1000))
            client.sendall(OK)

    try:
        listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6")
    with listening, Transport(environ={}) as transport:
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        port = listening.getsockname()[1]
        assert get(transport, f"http://[::1]:{port}/") == b"ok"
        thread.join()
    assert f"Host: [::1]:{port}\r\n".encode() in heads[0]


def test_proxy_gets_the_whole_address_and_its_credentials_alone() -> None:
    with (
        peer(OK) as (told, url),
        Transport(environ={"http_proxy": url.replace("//", "//me:s%C3%A9cret@")}) as transport,
    ):
        assert get(transport, "http://user:pass@registry.invalid:5000/v2/") == b"ok"
    lines = told.heads[0].split(b"\r\n")
    assert lines[:2] == [b"GET http://registry.invalid:5000/v2/ HTTP/1.1", b"Host: registry.invalid:5000"]
    assert b"Proxy-Authorization: Basic bWU6c8OpY3JldA==" in lines
    assert b"Authorization: Basic dXNlcjpwYXNz" in lines


@contextmanager
def over_tls(target: str) -> Iterator[str]:
    """The proxy ``target``, reached by TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    host, _, port = target.removeprefix("http://").partition(":")

    def pump(read: Callable[[int], bytes], write: Callable[[bytes], object]) -> None:
        try:
            while data := read(1 << 16):
                write(data)
        except OSError:
            pass

    def serve(client: socket.socket) -> None:
        secure = context.wrap_socket(client, server_side=True, suppress_ragged_eofs=True)
        onward = socket.create_connection((host, int(port)))
        for way in ((secure.recv, onward.sendall), (onward.recv, secure.sendall)):
            threading.Thread(target=pump, args=way, daemon=True).start()

    with accepting(serve) as place:
        yield f"https://127.0.0.1:{place}"


@pytest.mark.parametrize("proxy_has_tls", [False, True])
def test_tunnel_to_a_server_with_tls_is_made(proxy_has_tls: bool) -> None:
    """In a proxy's own TLS as well; the body has several records in both directions."""
    body = bytes(range(256)) * 4000

    def echo(request: Request) -> Reply:
        return Reply(body=request.body)

    with serving(echo, tls=True) as server, tunnelling(server.port) as plain, over_tls(plain) as secure:
        environ = {"https_proxy": secure if proxy_has_tls else plain, "SSL_CERT_FILE": str(CERTIFICATE)}
        with Transport(environ=environ, attempts=1) as transport:
            for _ in range(2):
                url = "https://registry.example.invalid/"
                with transport.open("POST", url, action="echoing", body=io.BytesIO(body)) as response:
                    assert response.read() == body


def test_data_behind_a_response_in_tls_within_tls_is_not_the_next_one() -> None:
    """Both come in one record of the outer connection, and nothing is left to poll."""
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    heads: list[bytes] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)

    def serve(plain: socket.socket) -> None:
        received, to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        outer = context.wrap_socket(plain, server_side=True)
        inner = context.wrap_bio(received, to_send, server_side=True)

        def run(call: Callable[..., Any], *arguments: object) -> Any:
            while True:
                try:
                    return call(*arguments)
                except ssl.SSLWantReadError:
                    if data := to_send.read():
                        outer.sendall(data)
                    if data := outer.recv(1 << 16):
                        received.write(data)
                    else:
                        received.write_eof()

        with outer, suppress(OSError):
            outer.recv(1000)
            outer.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            run(inner.do_handshake)
            heads.append(run(inner.read, 1000))
            inner.write(OK)
            inner.write(body)
            outer.sendall(to_send.read())
            heads.append(run(inner.read, 1000))

    def accept(listening: socket.socket) -> None:
        for _ in range(2):
            client, _ = listening.accept()
            serve(client)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, args=(listening,))
        thread.start()
        environ = {"https_proxy": f"https://127.0.0.1:{listening.getsockname()[1]}", "SSL_CERT_FILE": str(CERTIFICATE)}
        with Transport(environ=environ, attempts=1) as transport:
            for _ in range(2):
                assert get(transport, "https://registry.example.invalid/") == b"ok"
        thread.join(PATIENCE)


def test_certificate_of_the_server_behind_a_proxy_is_checked() -> None:
    with serving(lambda _: Reply(), tls=True) as server, tunnelling(server.port) as proxy:
        environ = {"https_proxy": proxy, "SSL_CERT_FILE": str(CERTIFICATE)}
        with (
            Transport(environ=environ, attempts=1) as transport,
            pytest.raises(UnavailableError, match="the certificate is not trusted through the proxy"),
        ):
            get(transport, "https://another.example.invalid/")
