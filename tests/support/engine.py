"""A Docker engine in this process: images and ``load``, on a unix socket, as the classic store behaves.

Like the real one it skips a layer whose chain it has without looking for the file, and fails when a file that it needs
is not in the archive.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import socketserver
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class FakeEngine:
    """What the engine has and was asked."""

    address: str = ""
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    """by id: its configuration"""
    tags: dict[str, str] = field(default_factory=dict)
    """id by name"""
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    """method, path, bytes of the body"""
    layers: list[list[str]] = field(default_factory=list)
    """the names of the layer files that came with each load"""
    containerd: bool = False
    platform: tuple[str, str] = ("linux", "amd64")
    forgets: bool = False
    """whether layers went away between the question and the load"""
    load_status: int = 200
    load_body: bytes = b""
    hangs_up: bool = False
    hangs_up_late: bool = False
    """whether a load that began early gets no answer"""
    begun: list[str] = field(default_factory=list)
    """the paths of requests whose body came in chunks"""
    abandoned: list[bytes] = field(default_factory=list)
    """what came of bodies that never ended"""
    answers_early: bool = False
    """whether a load is answered before its body is read"""

    def chains(self) -> set[tuple[str, ...]]:
        """Every chain of diffIDs that the engine has."""
        if self.forgets:
            return set()
        found: set[tuple[str, ...]] = set()
        for config in self.images.values():
            diff_ids = config["rootfs"]["diff_ids"]
            found.update(tuple(diff_ids[: n + 1]) for n in range(len(diff_ids)))
        return found

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body."""
        plain = unquote(urlsplit(path).path)
        if plain == "/_ping":
            return 200, b"OK"
        if plain == "/info":
            status = [["driver-type", "io.containerd.snapshotter.v1"]] if self.containerd else [["Backing", "extfs"]]
            return 200, json.dumps({"Driver": "overlay2", "DriverStatus": status}).encode()
        if plain == "/version":
            return 200, json.dumps({"Os": self.platform[0], "Arch": self.platform[1]}).encode()
        if plain == "/images/json":
            return 200, json.dumps([{"Id": one, "Created": 1} for one in self.images]).encode()
        if plain.startswith("/images/") and plain.endswith("/json"):
            name = plain.removeprefix("/images/").removesuffix("/json")
            identity = self.tags.get(name, name)
            if identity not in self.images:
                return 404, b'{"message":"No such image"}'
            layers = self.images[identity]["rootfs"]["diff_ids"]
            return 200, json.dumps({"Id": identity, "RootFS": {"Layers": layers}}, separators=(",", ":")).encode()
        if plain == "/images/load" and method == "POST":
            return self._load(body)
        if method == "DELETE" and self.images.pop(plain.removeprefix("/images/"), None) is not None:
            return 200, b"[]"
        return 404, b'{"message":"page not found"}'

    def _load(self, body: bytes) -> tuple[int, bytes]:
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            files = {one.name: archive.extractfile(one) for one in archive if one.isreg()}
            contents = {name: stream.read() for name, stream in files.items() if stream is not None}
        [manifest] = json.loads(contents["manifest.json"])
        self.layers.append([name for name in manifest["Layers"] if name in contents])
        if self.load_status != 200 or self.load_body:
            return self.load_status, self.load_body
        config = json.loads(contents[manifest["Config"]])
        chains = self.chains()
        diff_ids = config["rootfs"]["diff_ids"]
        for number, (name, diff_id) in enumerate(zip(manifest["Layers"], diff_ids, strict=True)):
            if tuple(diff_ids[: number + 1]) in chains:
                continue
            if name not in contents:
                return 200, b'{"errorDetail":{"message":"open ' + name.encode() + b': no such file or directory"}}\r\n'
            if _digest(gzip.decompress(contents[name])) != diff_id:
                return 200, b'{"error":"invalid diffID"}\r\n'
        identity = _digest(contents[manifest["Config"]])
        self.images[identity] = config
        for tag in manifest["RepoTags"]:
            self.tags[tag] = identity
        return 200, b'{"stream":"Loaded image"}\r\n'


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@contextmanager
def running(directory: Path) -> Iterator[FakeEngine]:
    """An engine whose socket lies in ``directory``, until the block ends."""
    engine = FakeEngine(address=f"unix://{directory}/docker.sock")

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            method, path, _ = self.rfile.readline().decode().split()
            size, chunked = 0, False
            while (line := self.rfile.readline().strip().lower()) != b"":
                if line.startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
                chunked = chunked or line == b"transfer-encoding: chunked"
            if engine.hangs_up:
                return
            if chunked:
                self._chunked(path)
                return
            engine.requests.append((method, path, size))
            if engine.answers_early and method == "POST":
                status, body = engine.load_status, engine.load_body
            else:
                status, body = engine.answer(method, path, self.rfile.read(size))
            head = f"HTTP/1.0 {status} Fine\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + body)

        def _chunked(self, path: str) -> None:
            """A body in chunks: a load that begins early; the answer comes in chunks, too."""
            body = b""
            engine.begun.append(path)
            while size := int(self.rfile.readline() or b"-1", 16):
                if size < 0:
                    engine.abandoned.append(body)
                    return
                body += self.rfile.read(size)
                assert self.rfile.readline() == b"\r\n"
            engine.requests.append(("POST", path, len(body)))
            if engine.hangs_up_late:
                return
            status, answer = engine.answer("POST", path, body)
            head = f"HTTP/1.1 {status} Fine\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in (answer[:5], answer[5:]) if one)
            self.wfile.write(head.encode() + chunks + b"0\r\n\r\n")

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    server = Server(f"{directory}/docker.sock", Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield engine
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
