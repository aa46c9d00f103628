"""Middleware that lets only trusted proxies describe the client. Contract: X1.

It wraps the application in every server. If the peer is in GROCKER_TRUSTED_PROXIES, the client's address is the last
one in X-Forwarded-For that is not a trusted proxy's, else that of X-Real-IP, and the scheme is that of
X-Forwarded-Proto, else of X-Real-Scheme. From any other peer, the application does not see these headers.

Behind nginx, the peer of the server's Unix socket has no address: nginx sends its own peer's in PEER_HEADER.
"""

from __future__ import annotations

import os
from functools import lru_cache
from itertools import product

from ..contract.names import GROCKER_TRUSTED_PROXIES, PEER_HEADER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping
    from typing import Any

    Environ = MutableMapping[str, Any]
    Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

PEER = PEER_HEADER.lower()
_FOR, _PROTO, _REAL_IP, _REAL_SCHEME = "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "x-real-scheme"
HEADERS = (
    *(_FOR, "x-forwarded-host", _PROTO, _REAL_IP, _REAL_SCHEME),
    *("x-accel-redirect", "remote-addr", "remote-user", PEER),
)
_MAPPED = "::ffff:"  # RFC 4291, 2.5.5.2
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


def wsgi(application: Wsgi, trusted: str | None = None, *, mapped: bool = False) -> Wsgi:
    """Wrap a WSGI application. ``trusted``: instead of the variable.

    ``mapped``: the server has one socket for both protocols, and so sees IPv4 addresses as IPv6 ones.
    """
    is_trusted = _trust(os.environ.get(GROCKER_TRUSTED_PROXIES, "") if trusted is None else trusted)
    names = {header: "HTTP_" + header.upper().replace("-", "_") for header in HEADERS}
    watched = frozenset(names.values())

    def judge(environ: Environ) -> None:
        nginx_peer = environ.pop(names[PEER], "")
        peer = environ.get("REMOTE_ADDR") or ""
        if not peer and nginx_peer:
            peer, environ["REMOTE_PORT"], environ["wsgi.url_scheme"] = nginx_peer.split(" ")
            environ["REMOTE_ADDR"] = peer
        if not is_trusted(peer):
            for name in watched:
                environ.pop(name, None)
            return
        address, scheme = _client(is_trusted, {h: environ[name] for h, name in names.items() if name in environ})
        if address:
            environ["REMOTE_ADDR"] = address
            environ.pop("REMOTE_PORT", None)
        if scheme:
            environ["wsgi.url_scheme"] = scheme

    def judged(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if mapped and environ["REMOTE_ADDR"].startswith(_MAPPED):
            environ["REMOTE_ADDR"] = environ["REMOTE_ADDR"][len(_MAPPED) :]
        if not environ.keys().isdisjoint(watched):
            judge(environ)
        return application(environ, start_response)

    return judged


def asgi(application: Asgi, trusted: str | None = None, *, mapped: bool = False) -> Asgi:
    """Wrap an ASGI application. ``trusted``: instead of the variable; ``mapped``: as for WSGI."""
    is_trusted = _trust(os.environ.get(GROCKER_TRUSTED_PROXIES, "") if trusted is None else trusted)
    names = {header.encode(): header for header in HEADERS}
    lookalikes = frozenset(spelling for name in names for spelling in _spellings(name)) - set(names)
    watched = lookalikes | set(names)

    def judge(scope: Scope) -> None:
        given = {names[name]: value.decode("latin-1") for name, value in scope["headers"] if name in names}
        nginx_peer = given.pop(PEER, "")
        client, plain = scope.get("client"), scope.get("scheme", "http")
        if not (client and client[0]) and nginx_peer:
            address, port, plain = nginx_peer.split(" ")
            scope["client"] = client = (address, int(port or 0))
        if not client or not is_trusted(client[0]):
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in watched]
        else:
            # Where headers become variables, underscores and hyphens are the same, so lookalikes are dropped too.
            dropped = {*lookalikes, PEER.encode()}
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in dropped]
            address, scheme = _client(is_trusted, given)
            if address:
                scope["client"] = (address, 0)
            plain = scheme or plain
        scope["scheme"] = _scheme_for(plain, scope["type"])

    async def judged(scope: Scope, receive: Receive, send: Send) -> None:
        if mapped and scope["type"] != "lifespan" and scope["client"][0].startswith(_MAPPED):
            scope["client"] = (scope["client"][0][len(_MAPPED) :], int(scope["client"][1]))
        if scope["type"] != "lifespan" and not watched.isdisjoint([name for name, _ in scope["headers"]]):
            judge(scope)
        await application(scope, receive, send)

    return judged


def _scheme_for(scheme: str, kind: str) -> str:
    plain = _SCHEMES.get(scheme, scheme)
    return {"http": "ws", "https": "wss"}.get(plain, plain) if kind == "websocket" else plain


def _spellings(name: bytes) -> Iterable[bytes]:
    """Return a header's name with every combination of hyphens and underscores."""
    parts = name.split(b"-")
    for between in product((b"-", b"_"), repeat=len(parts) - 1):
        yield parts[0] + b"".join(joint + part for joint, part in zip(between, parts[1:]))


def _trust(text: str) -> Callable[[str], bool]:
    """Return a test for trusted proxies' addresses. ``text`` is valid: the runner has checked it."""
    words = text.replace(",", " ").split()
    if not words:
        return lambda _: False
    if "*" in words:
        return lambda _: True
    import ipaddress

    networks = [ipaddress.ip_network(word, strict=False) for word in words]

    @lru_cache(maxsize=1024)
    def is_trusted(address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in networks)

    return is_trusted


def _client(is_trusted: Callable[[str], bool], given: MutableMapping[str, str]) -> tuple[str, str]:
    """Return the client's address and scheme, each empty if the trusted proxies do not give it."""
    address = ""
    for word in reversed(given.get(_FOR, "").split(",")):
        one = _address(word)
        if not one:
            break
        address = one
        if not is_trusted(one):
            break
    said = given.get(_PROTO) or given.get(_REAL_SCHEME) or ""
    return address or _address(given.get(_REAL_IP, "")), _SCHEMES.get(said.partition(",")[0].strip().lower(), "")


def _address(word: str) -> str:
    """Return a normalized address, without a port; empty when it is not one."""
    import ipaddress

    word = word.strip()
    if word.startswith("["):
        word = word[1:].partition("]")[0]
    elif word.count(":") == 1:
        word = word.partition(":")[0]
    try:
        return str(ipaddress.ip_address(word))
    except ValueError:
        return ""
