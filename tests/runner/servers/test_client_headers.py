"""X1: of a client's own words about itself the application sees what trusted proxies vouch for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from grocker.runner.servers import client_headers

_SPOOFED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Host": "example.org",
    "X-Forwarded-Proto": "https",
    "X-Real-IP": "203.0.113.8",
    "X-Real-Scheme": "https",
    "X-Accel-Redirect": "/media/secret",
    "Remote-Addr": "203.0.113.7",
    "Remote-User": "admin",
    "X-Grocker-Peer": "203.0.113.6 1 https",
}


def _wsgi(trusted: str, headers: dict[str, str], peer: str = "192.0.2.1") -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def application(environ: Any, _: Any) -> list[bytes]:
        seen.update(environ)
        return [b"answer"]

    environ = {"REMOTE_ADDR": peer, "REMOTE_PORT": "5", "wsgi.url_scheme": "http", "HTTP_HOST": "h"}
    environ |= {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()}
    assert client_headers.wsgi(application, trusted)(environ, print) == [b"answer"]
    assert environ == seen
    return seen


def _asgi(
    trusted: str, headers: list[tuple[str, str]], peer: tuple[str, int] | None = ("192.0.2.1", 5), kind: str = "http"
) -> tuple[dict[str, str], Any, str]:
    seen: dict[str, Any] = {}

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)

    scheme = "http" if kind == "http" else "ws"
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = {"type": kind, "client": peer, "scheme": scheme, "headers": [(b"host", b"h"), *pairs]}

    async def unused(*_: Any) -> Any:
        raise AssertionError

    async def run() -> None:
        await client_headers.asgi(application, trusted)(scope, unused, unused)

    asyncio.run(run())
    return {name.decode(): value.decode() for name, value in seen["headers"]}, seen["client"], seen["scheme"]


@pytest.mark.parametrize("trusted", ["", "10.0.0.0/8, 192.0.2.2"])
def test_wsgi_drops_what_a_client_says_when_it_is_not_trusted(trusted: str) -> None:
    assert _wsgi(trusted, _SPOOFED) == {
        "REMOTE_ADDR": "192.0.2.1",
        "REMOTE_PORT": "5",
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "h",
    }


@pytest.mark.parametrize("trusted", ["", "10.0.0.0/8, 192.0.2.2"])
def test_asgi_drops_what_a_client_says_when_it_is_not_trusted(trusted: str) -> None:
    underscored = [(name.replace("-", "_", 1), value) for name, value in _SPOOFED.items()]
    all_of_them = [(name.replace("-", "_"), value) for name, value in _SPOOFED.items()]
    found = _asgi(trusted, [*_SPOOFED.items(), *underscored, *all_of_them])
    assert found == ({"host": "h"}, ("192.0.2.1", 5), "http")


@pytest.mark.parametrize("trusted", ["*", "192.0.2.0/24", "2001:db8::/32 192.0.2.1"])
def test_wsgi_follows_a_trusted_peer(trusted: str) -> None:
    seen = _wsgi(trusted, _SPOOFED)
    assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == ("203.0.113.9", "https")
    assert (seen["HTTP_REMOTE_USER"], seen["HTTP_X_ACCEL_REDIRECT"]) == ("admin", "/media/secret")
    assert "REMOTE_PORT" not in seen
    assert "HTTP_X_GROCKER_PEER" not in seen


def test_asgi_follows_a_trusted_peer() -> None:
    headers, client, scheme = _asgi("192.0.2.0/24", [*_SPOOFED.items(), ("x_forwarded_for", "6.6.6.6")])
    assert (client, scheme) == (("203.0.113.9", 0), "https")
    assert headers == {"host": "h"} | {k.lower(): v for k, v in _SPOOFED.items() if k != "X-Grocker-Peer"}


def test_asgi_has_the_scheme_of_a_websocket_when_it_is_one() -> None:
    assert _asgi("*", [("X-Forwarded-Proto", "https")], kind="websocket")[2] == "wss"
    assert _asgi("", [("X-Grocker-Peer", "198.51.100.4 7 https")], None, "websocket")[1:] == (
        ("198.51.100.4", 7),
        "wss",
    )


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        ("192.0.2.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("192.0.2.1 198.51.100.0/24", "203.0.113.9, 198.51.100.1", "203.0.113.9"),
        ("192.0.2.1 198.51.100.0/24", "6.6.6.6, 203.0.113.9, 198.51.100.1", "203.0.113.9"),
        ("*", "203.0.113.9, 198.51.100.1", "203.0.113.9"),
        ("192.0.2.1", "[2001:DB8::1]:443", "2001:db8::1"),
        ("192.0.2.1", "2001:db8::1", "2001:db8::1"),
        ("192.0.2.1", "203.0.113.9:8080", "203.0.113.9"),
        ("192.0.2.1", "unknown", "192.0.2.1"),
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1 198.51.100.1", "junk, 198.51.100.1", "198.51.100.1"),
    ],
)
def test_client_is_the_last_that_no_trusted_proxy_is(trusted: str, forwarded: str, address: str) -> None:
    assert _wsgi(trusted, {"X-Forwarded-For": forwarded})["REMOTE_ADDR"] == address


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        ({"X-Forwarded-Proto": "https, http"}, "https"),
        ({"X-Forwarded-Proto": "HTTPS"}, "https"),
        ({"X-Forwarded-Proto": "gopher"}, "http"),
        ({"X-Real-Scheme": "https"}, "https"),
        ({"X-Forwarded-Proto": "http", "X-Real-Scheme": "https"}, "http"),
    ],
)
def test_scheme_is_what_a_trusted_peer_says(headers: dict[str, str], scheme: str) -> None:
    assert _wsgi("*", headers)["wsgi.url_scheme"] == scheme


def test_client_is_that_of_x_real_ip_when_there_is_nothing_else() -> None:
    assert _wsgi("*", {"X-Real-IP": "203.0.113.8"})["REMOTE_ADDR"] == "203.0.113.8"


def test_peer_is_what_nginx_tells_when_the_server_has_a_unix_socket() -> None:
    told = {"X-Grocker-Peer": "198.51.100.4 7 http", "X-Forwarded-For": "203.0.113.9"}
    seen = _wsgi("", told, peer="")
    assert (seen["REMOTE_ADDR"], seen["REMOTE_PORT"], "HTTP_X_FORWARDED_FOR" in seen) == ("198.51.100.4", "7", False)
    assert _wsgi("198.51.100.4", told, peer="")["REMOTE_ADDR"] == "203.0.113.9"
    assert _asgi("", list(told.items()), None) == ({"host": "h"}, ("198.51.100.4", 7), "http")


def test_peer_is_an_ipv4_address_when_the_server_has_one_socket_for_both() -> None:
    seen: list[Any] = []

    async def asynchronous(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"])

    async def run() -> None:
        for client in (("::ffff:192.0.2.1", "5"), ("2001:db8::1", 6), ("", "0")):
            scope = {
                "type": "http",
                "client": client,
                "scheme": "http",
                "headers": [(b"x-grocker-peer", b"1.1.1.1 7 http")],
            }
            await client_headers.asgi(asynchronous, "", mapped=True)(scope, None, None)  # type: ignore[arg-type]

    asyncio.run(run())
    assert seen == [("192.0.2.1", 5), ("2001:db8::1", 6), ("1.1.1.1", 7)]

    def application(environ: Any, _: Any) -> list[bytes]:
        return [environ["REMOTE_ADDR"].encode()]

    for peer, address in (("::ffff:192.0.2.1", b"192.0.2.1"), ("2001:db8::1", b"2001:db8::1")):
        assert client_headers.wsgi(application, "", mapped=True)({"REMOTE_ADDR": peer}, print) == [address]


def test_peer_is_nobody_when_it_is_not_told() -> None:
    assert _wsgi("10.0.0.0/8", {"X-Forwarded-For": "203.0.113.9"}, peer="")["REMOTE_ADDR"] == ""
    assert _asgi("10.0.0.0/8", [("X-Forwarded-For", "203.0.113.9")], None) == ({"host": "h"}, None, "http")


def test_asgi_lets_the_lifespan_pass() -> None:
    seen = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    async def run() -> None:
        await client_headers.asgi(application, "")({"type": "lifespan"}, None, None)  # type: ignore[arg-type]

    asyncio.run(run())
    assert seen == [{"type": "lifespan"}]
