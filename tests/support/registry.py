"""A registry in this process, over HTTP on 127.0.0.1, that fails where it is told to.

It speaks the part of the distribution specification that pushes need, checks what it is sent, and remembers every
request. Faults are ordered with ``fail``; each counts for as many requests as it says.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Literal
from urllib.parse import parse_qs, urlsplit

from tests.support.web import CERTIFICATE, KEY

Kind = Literal["status", "cut", "cut-answer", "slow", "lie"]


@dataclass
class Fault:
    """What goes wrong: for requests of ``method`` whose path matches ``path``, ``times`` times."""

    method: str
    path: str
    kind: Kind = "status"
    status: int = 500
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0


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
    most_in_one_request: int | None = None
    """bytes; more is answered 413, as a proxy does"""
    faults: list[Fault] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
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
            time.sleep(fault.seconds)
        if fault is not None and fault.kind == "status":
            self._answer(fault.status, fault.body, fault.headers)
            return
        if not self._welcome():
            headers = {"WWW-Authenticate": registry.challenge}
            self._answer(401, _error("UNAUTHORIZED", "authentication required"), headers)
            return
        self._lie = fault is not None and fault.kind == "lie"
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

    def _welcome(self) -> bool:
        users = self.registry.users
        if not users:
            return True
        kind, _, encoded = (self.headers.get("Authorization") or "").partition(" ")
        if kind != "Basic":
            return False
        user, _, password = base64.b64decode(encoded).decode().partition(":")
        return users.get(user) == password

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
            with registry.lock:
                name = f"u{len(registry.uploads)}"
                registry.uploads[name] = b""
            self._answer(202, headers={"Location": f"/v2/{repository}/blobs/uploads/{name}?_state=x"})
            return
        if name not in registry.uploads:
            self._answer(404, _error("BLOB_UPLOAD_UNKNOWN", "upload unknown"))
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
        registry.uploads[name + " done"] = b""
        if _digest(data) != digest:
            self._answer(400, _error("DIGEST_INVALID", "provided digest did not match uploaded content"))
            return
        registry.blobs[repository, digest] = data
        self._answer(201, headers={"Docker-Content-Digest": digest, "Location": f"/v2/{repository}/blobs/{digest}"})

    def _manifest(self, repository: str, name: str, body: bytes) -> None:
        registry = self.registry
        if self.command == "PUT":
            document = json.loads(body)
            for one in [document["config"], *document["layers"]]:
                if (repository, one["digest"]) not in registry.blobs:
                    self._answer(404, _error("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", one["digest"]))
                    return
            for key in (name, _digest(body)):
                registry.manifests[repository, key] = (self.headers["Content-Type"], body)
            self._answer(201, headers={"Docker-Content-Digest": _digest(body)})
            return
        found = registry.manifests.get((repository, name))
        if found is None:
            self._answer(404, _error("MANIFEST_UNKNOWN", "manifest unknown"))
            return
        kind, data = found
        self._answer(200, data, {"Content-Type": kind, "Docker-Content-Digest": _digest(data)})

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        headers = dict(headers or {})
        if getattr(self, "_lie", False) and "Docker-Content-Digest" in headers:
            headers["Docker-Content-Digest"] = "sha256:" + "0" * 64
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            if getattr(self, "_cut_answer", False):
                self.wfile.write(body[: len(body) // 2])
                self._cut()
                return
            self.wfile.write(body)

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
