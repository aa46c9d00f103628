"""A registry in this process, over HTTP on 127.0.0.1, that fails where it is told to.

It speaks the part of the distribution specification that pushes need, checks what it is sent, and remembers every
request. Faults are ordered with ``fail``; each counts for as many requests as it says. It is its own token server, at
``/token``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Literal
from urllib.parse import parse_qs, urlsplit

from tests.support.web import CERTIFICATE, KEY

Kind = Literal["status", "cut", "cut-answer", "slow", "late", "late-cut", "late-status", "lie", "lie-size"]


@dataclass
class Fault:
    """What goes wrong: for requests of ``method`` whose path matches ``path``, ``times`` times.

    ``slow`` does what it was asked when the client has given up waiting, and ``late`` at once, but answers then;
    ``late-cut`` does it and cuts the connection, ``late-status`` does it and says ``status``.
    """

    method: str
    path: str
    kind: Kind = "status"
    status: int = 500
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Tokens:
    """The token server, and what it was asked."""

    realm: str | None = None
    """another one than its own address"""
    users: dict[str, str] = field(default_factory=dict)
    """password by user; anybody gets a token when it is empty"""
    identities: set[str] = field(default_factory=set)
    """identity tokens that it takes"""
    actions: set[str] = field(default_factory=lambda: {"pull", "push"})
    """what anybody gets the right to"""
    hidden: set[str] = field(default_factory=set)
    """repositories that nobody may read"""
    refuses_hidden: bool = False
    """whether it answers 403 to whoever asks for a hidden repository, instead of granting the rest"""
    lives: float | None = 300
    """seconds, None when it does not say"""
    answer: bytes | None = None
    """instead of a token"""
    requests: list[tuple[str, dict[str, list[str]], str | None]] = field(default_factory=list)
    """method, parameters, Authorization"""
    issued: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """repository and action that a token gives the right to"""


@dataclass
class Registry:
    """What the registry has and was asked."""

    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """by repository and digest"""
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    """by repository and tag or digest: media type, bytes"""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """method and path"""
    authorizations: list[str | None] = field(default_factory=list)
    users: dict[str, str] = field(default_factory=dict)
    """password by user; nobody has to log in when it is empty"""
    challenge: str = 'Basic realm="test"'
    tokens: Tokens | None = None
    """where the registry wants Bearer tokens"""
    mounts: bool = True
    """whether it mounts blobs"""
    most_in_one_request: int | None = None
    """bytes; more is answered 413, as a proxy does"""
    refused_types: str = ""
    """what it finds in the media types of manifests that it refuses"""
    type_refusal: tuple[int, bytes] = (415, b"")
    """how: status and body"""
    head_headers: dict[str, str | None] = field(default_factory=dict)
    """what a proxy makes of answers 200 to HEAD: headers by name, None for one that it drops"""
    lists_referrers: bool = True
    """whether it says that it lists manifests by their subject"""
    faults: list[Fault] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    """those that are open, by name"""
    opened: int = 0
    """number of uploads so far"""
    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: set[socket.socket] = field(default_factory=set)
    """connections whose client has to give up"""
    port: int = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def fail(self, method: str, path: str, **how: object) -> None:
        """Order a fault."""
        self.faults.append(Fault(method, path, **how))  # type: ignore[arg-type]

    def asked(self, method: str, path: str = "") -> int:
        """How many requests there were."""
        return sum(1 for m, p in self.requests if m == method and re.search(path, p))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: ClassVar[Registry]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_HEAD(self) -> None:
        self._handle()

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def _handle(self) -> None:
        registry = self.registry
        parts = urlsplit(self.path)
        with registry.lock:
            registry.requests.append((self.command, parts.path))
            registry.authorizations.append(self.headers.get("Authorization"))
            fault = next(
                (
                    f
                    for f in registry.faults
                    if f.times > 0 and f.method == self.command and re.search(f.path, parts.path)
                ),
                None,
            )
            if fault is not None:
                fault.times -= 1
        size = int(self.headers.get("Content-Length") or 0)
        if fault is not None and fault.kind == "cut":
            self.rfile.read(size // 2)
            self._cut()
            return
        if registry.most_in_one_request is not None and size > registry.most_in_one_request:
            self.rfile.read(size)
            self._answer(413)
            return
        body = self.rfile.read(size)
        if fault is not None and fault.kind == "slow":
            self._wait_for_end()
        if fault is not None and fault.kind == "status":
            self._answer(fault.status, fault.body, fault.headers)
            return
        if parts.path == "/token" and registry.tokens is not None:
            self._token(registry.tokens, parts.query if self.command == "GET" else body.decode())
            return
        if not self._welcome(parts.path):
            headers = {"WWW-Authenticate": self._challenge(parts.path)}
            self._answer(401, _error("UNAUTHORIZED", "authentication required"), headers)
            return
        self._late = fault if fault is not None and fault.kind.startswith("late") else None
        self._lie = fault is not None and fault.kind == "lie"
        self._lie_size = fault is not None and fault.kind == "lie-size"
        self._cut_answer = fault is not None and fault.kind == "cut-answer"
        found = re.fullmatch(r"/v2/(.+?)/(blobs|manifests)/(.+?)/?", parts.path)
        if found is None:
            self._answer(200 if parts.path == "/v2/" else 404)
            return
        repository, kind, rest = found.groups()
        if kind == "manifests":
            self._manifest(repository, rest, body)
        elif rest.startswith("uploads"):
            self._upload(repository, rest, body, parse_qs(parts.query))
        else:
            self._blob(repository, rest)

    def _needs(self, path: str) -> tuple[str, str]:
        found = re.fullmatch(r"/v2/(.+?)/(blobs|manifests)/(.+?)/?", path)
        return (found[1] if found else ""), "pull" if self.command in ("GET", "HEAD") else "push"

    def _challenge(self, path: str) -> str:
        tokens = self.registry.tokens
        if tokens is None:
            return self.registry.challenge
        repository, action = self._needs(path)
        realm = tokens.realm or f"http://{self.registry.host}/token"
        return f'Bearer realm="{realm}",service="test, of ours",scope="repository:{repository}:{action}"'

    def _welcome(self, path: str) -> bool:
        kind, _, encoded = (self.headers.get("Authorization") or "").partition(" ")
        if self.registry.tokens is not None:
            return kind == "Bearer" and self._needs(path) in self.registry.tokens.issued.get(encoded, set())
        users = self.registry.users
        if not users:
            return True
        if kind != "Basic":
            return False
        user, _, password = base64.b64decode(encoded).decode().partition(":")
        return users.get(user) == password

    def _token(self, tokens: Tokens, query: str) -> None:
        asked = parse_qs(query)
        tokens.requests.append((self.command, asked, self.headers.get("Authorization")))
        if self.command == "POST":
            welcome = asked.get("refresh_token", [""])[0] in tokens.identities
        else:
            encoded = (self.headers.get("Authorization") or "").removeprefix("Basic ")
            user, _, password = base64.b64decode(encoded).decode().partition(":")
            welcome = not tokens.users or tokens.users.get(user) == password
        scopes = " ".join(asked.get("scope", [])).split()
        rights = {
            (repository, action)
            for repository, actions in ((s.split(":")[1], s.split(":")[2]) for s in scopes)
            for action in actions.split(",")
            if repository not in tokens.hidden and action in tokens.actions
        }
        hidden = tokens.refuses_hidden and any(one.split(":")[1] in tokens.hidden for one in scopes)
        if not welcome or hidden:
            self._answer(403 if hidden else 401, b'{"details":"incorrect username or password"}')
            return
        token = f"t{len(tokens.issued)}"
        tokens.issued[token] = rights
        lives = {} if tokens.lives is None else {"expires_in": tokens.lives}
        name = "access_token" if self.command == "POST" else "token"
        self._answer(200, tokens.answer or json.dumps({name: token, **lives}).encode())

    def _blob(self, repository: str, digest: str) -> None:
        data = self.registry.blobs.get((repository, digest))
        if data is None:
            self._answer(404, _error("BLOB_UNKNOWN", "blob unknown to registry"))
            return
        self._answer(200, data, {"Docker-Content-Digest": digest})

    def _upload(self, repository: str, rest: str, body: bytes, query: dict[str, list[str]]) -> None:
        registry = self.registry
        name = rest.removeprefix("uploads").strip("/")
        if self.command == "POST":
            digest, source = query.get("mount", [""])[0], query.get("from", [""])[0]
            if registry.mounts and (source, digest) in registry.blobs and self._reads(source):
                registry.blobs[repository, digest] = registry.blobs[source, digest]
                self._answer(201, headers={"Docker-Content-Digest": digest, "Location": f"/v2/{repository}/blobs/x"})
                return
            with registry.lock:
                registry.opened += 1
                name = f"u{registry.opened}"
                registry.uploads[name] = b""
            self._answer(202, headers={"Location": f"/v2/{repository}/blobs/uploads/{name}?_state=x"})
            return
        if name not in registry.uploads:
            self._answer(404, _error("BLOB_UPLOAD_UNKNOWN", "upload unknown"))
            return
        if self.command == "DELETE":
            del registry.uploads[name]
            self._answer(204)
            return
        if self.command == "PATCH":
            start = (self.headers.get("Content-Range") or "0-").partition("-")[0]
            if int(start) != len(registry.uploads[name]):
                self._answer(416)
                return
        registry.uploads[name] += body
        if self.command == "PATCH":
            self._answer(202, headers={"Location": f"/v2/{repository}/blobs/uploads/{name}?_state=y"})
            return
        digest = query.get("digest", [""])[0]
        data = registry.uploads.pop(name)
        if _digest(data) != digest:
            self._answer(400, _error("DIGEST_INVALID", "provided digest did not match uploaded content"))
            return
        registry.blobs[repository, digest] = data
        self._answer(201, headers={"Docker-Content-Digest": digest, "Location": f"/v2/{repository}/blobs/{digest}"})

    def _reads(self, repository: str) -> bool:
        tokens = self.registry.tokens
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        return tokens is None or (repository, "pull") in tokens.issued.get(token, set())

    def _manifest(self, repository: str, name: str, body: bytes) -> None:
        registry = self.registry
        if self.command == "PUT":
            document = json.loads(body)
            if registry.refused_types and re.search(registry.refused_types, self.headers["Content-Type"]):
                self._answer(*registry.type_refusal)
                return
            for one in document.get("manifests", []):
                if (repository, one["digest"]) not in registry.manifests:
                    self._answer(404, _error("MANIFEST_UNKNOWN", "manifest unknown to registry", one["digest"]))
                    return
            for one in [document["config"], *document["layers"]] if "config" in document else []:
                if (repository, one["digest"]) not in registry.blobs:
                    self._answer(404, _error("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", one["digest"]))
                    return
            for key in (name, _digest(body)):
                registry.manifests[repository, key] = (self.headers["Content-Type"], body)
            lists = registry.lists_referrers and "subject" in document
            subject = {"OCI-Subject": document["subject"]["digest"]} if lists else {}
            self._answer(201, headers={"Docker-Content-Digest": _digest(body), **subject})
            return
        found = registry.manifests.get((repository, name))
        if found is None:
            self._answer(404, _error("MANIFEST_UNKNOWN", "manifest unknown"))
            return
        kind, data = found
        self._answer(200, data, {"Content-Type": kind, "Docker-Content-Digest": _digest(data)})

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        headers = dict(headers or {})
        late: Fault | None = getattr(self, "_late", None)
        if late is not None:
            if late.kind == "late":
                self._wait_for_end()
            if late.kind == "late-cut":
                self._cut()
                return
            if late.kind == "late-status":
                status, body, headers = late.status, late.body, {**headers, **late.headers}
        if getattr(self, "_lie", False) and "Docker-Content-Digest" in headers:
            headers["Docker-Content-Digest"] = "sha256:" + "0" * 64
        size = len(body) + (1 if getattr(self, "_lie_size", False) and self.command in ("HEAD", "GET") else 0)
        headers["Content-Length"] = str(size)
        if self.command == "HEAD" and status == 200:
            changed = {**headers, **self.registry.head_headers}
            headers = {key: value for key, value in changed.items() if value is not None}
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            if getattr(self, "_cut_answer", False):
                self.wfile.write(body[: len(body) // 2])
                self._cut()
                return
            self.wfile.write(body)
            if size > len(body):  # or the client would wait for the rest
                self.close_connection = True

    def _wait_for_end(self) -> None:
        """Wait until the client closes the connection, or the registry ends."""
        with self.registry.lock:
            self.registry.waiting.add(self.connection)
        try:
            self.connection.recv(1)
        except OSError:
            pass
        self.close_connection = True

    def _cut(self) -> None:
        self.close_connection = True


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _error(code: str, message: str, detail: str | None = None) -> bytes:
    one = {"code": code, "message": message} | ({"detail": detail} if detail else {})
    return json.dumps({"errors": [one]}).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that went away


@contextmanager
def running(*, tls: bool = False) -> Iterator[Registry]:
    """A registry that answers until the block ends; with ``tls`` by the certificate of ``tests.support.web``."""
    registry = Registry()
    handler = type("Handler", (_Handler,), {"registry": registry})
    server = _Server(("127.0.0.1", 0), handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, KEY)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    registry.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        with registry.lock:
            for one in registry.waiting:
                with suppress(OSError):  # closed already
                    one.shutdown(socket.SHUT_RDWR)
