"""What a client says of itself is for trusted proxies to say: around the application, in every server. Contract: X1.

Run by the application's interpreter, hence without the runner's other modules. A peer in GROCKER_TRUSTED_PROXIES is
believed: the client's address is the last in X-Forwarded-For that is not a trusted proxy's, else that of X-Real-IP; the
scheme is that of X-Forwarded-Proto, else of X-Real-Scheme. Of anybody else these headers do not reach the application.

A server behind nginx has a Unix socket, and its peer has no address: nginx tells it in X-Grocker-Peer.
"""

from __future__ import annotations

import os
from functools import lru_cache
from itertools import product

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

VARIABLE = "GROCKER_TRUSTED_PROXIES"
PEER = "x-grocker-peer"
_FOR, _PROTO, _REAL_IP, _REAL_SCHEME = "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "x-real-scheme"
HEADERS = (
    *(_FOR, "x-forwarded-host", _PROTO, _REAL_IP, _REAL_SCHEME),
    *("x-accel-redirect", "remote-addr", "remote-user", PEER),
)
_MAPPED = "::ffff:"  # RFC 4291, 2.5.5.2
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


def wsgi(application: Wsgi, trusted: str | None = None, *, mapped: bool = False) -> Wsgi:
    """``application``, told what may be believed. ``trusted``: instead of the variable.

    ``mapped``: the server has one socket for both protocols, which writes an IPv4 address into an IPv6 one.
    """
    is_trusted = _trust(os.environ.get(VARIABLE, "") if trusted is None else trusted)
    names = {header: "HTTP_" + header.upper().replace("-", "_") for header in HEADERS}
    watched = frozenset(names.values())

    def judge(environ: Environ) -> None:
        told = environ.pop(names[PEER], "")
        peer = environ.get("REMOTE_ADDR") or ""
        if not peer and told:
            peer, environ["REMOTE_PORT"], environ["wsgi.url_scheme"] = told.split(" ")
            environ["REMOTE_ADDR"] = peer
        if not is_trusted(peer):
            for name in watched:
                environ.pop(name, None)
            return
        address, scheme = _followed(is_trusted, {h: environ[name] for h, name in names.items() if name in environ})
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
    """``application``, told what may be believed. ``trusted``: instead of the variable; ``mapped``: as for WSGI."""
    is_trusted = _trust(os.environ.get(VARIABLE, "") if trusted is None else trusted)
    names = {header.encode(): header for header in HEADERS}
    alike = frozenset(spelling for name in names for spelling in _spellings(name)) - set(names)
    watched = alike | set(names)

    def judge(scope: Scope) -> None:
        given = {names[name]: value.decode("latin-1") for name, value in scope["headers"] if name in names}
        told = given.pop(PEER, "")
        client, plain = scope.get("client"), scope.get("scheme", "http")
        if not (client and client[0]) and told:
            address, port, plain = told.split(" ")
            scope["client"] = client = (address, int(port or 0))
        if not client or not is_trusted(client[0]):
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in watched]
        else:
            # An underscore may stand for a hyphen where headers become variables, so none passes for one of these.
            dropped = {*alike, PEER.encode()}
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in dropped]
            address, scheme = _followed(is_trusted, given)
            if address:
                scope["client"] = (address, 0)
            plain = scheme or plain
        scope["scheme"] = _of_kind(plain, scope["type"])

    async def judged(scope: Scope, receive: Receive, send: Send) -> None:
        if mapped and scope["type"] != "lifespan" and scope["client"][0].startswith(_MAPPED):
            scope["client"] = (scope["client"][0][len(_MAPPED) :], int(scope["client"][1]))
        if scope["type"] != "lifespan" and not watched.isdisjoint([name for name, _ in scope["headers"]]):
            judge(scope)
        await application(scope, receive, send)

    return judged


def _of_kind(scheme: str, kind: str) -> str:
    plain = _SCHEMES.get(scheme, scheme)
    return {"http": "ws", "https": "wss"}.get(plain, plain) if kind == "websocket" else plain


def _spellings(name: bytes) -> Iterable[bytes]:
    """A header's name with hyphens and underscores in every order."""
    parts = name.split(b"-")
    for between in product((b"-", b"_"), repeat=len(parts) - 1):
        yield parts[0] + b"".join(joint + part for joint, part in zip(between, parts[1:], strict=True))


def _trust(text: str) -> Callable[[str], bool]:
    """Whether an address is a trusted proxy's. ``text`` is well-formed: the runner has looked at it."""
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


def _followed(is_trusted: Callable[[str], bool], given: MutableMapping[str, str]) -> tuple[str, str]:
    """The client's address and scheme, each empty when a trusted proxy did not say."""
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
    """An address in its usual spelling, without a port that may stand behind it; empty when it is none."""
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
