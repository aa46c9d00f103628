"""An HTTP server in this process that answers from a script, for tests of the transport."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.accepting import accepting
from tests.support.patience import PATIENCE

CERTIFICATE = Path(__file__).parent / "tls" / "certificate.pem"
"""Of ``localhost``, 127.0.0.1 and ``registry.example.invalid``, signed by itself, valid until 2126."""
KEY = Path(__file__).parent / "tls" / "key.pem"


@dataclass
class Request:
    """What came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What is answered. ``length``: what Content-Length says, if not the truth; ``drop``: no answer at all."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    drop: bool = False
    chunked: list[bytes] | None = None


Script = Callable[[Request], Reply]


@dataclass
class Server:
    """A running server: where it is, and what came."""

    port: int
    scheme: str
    requests: list[Request]

    def url(self, path: str = "/") -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients go away on purpose here


@contextmanager
def serving(script: Script, *, tls: bool = False) -> Iterator[Server]:
    """A server on 127.0.0.1 that answers by ``script`` until the block ends."""
    requests: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            request = Request(self.command, self.path, dict(self.headers), body)
            requests.append(request)
            reply = script(request)
            if reply.drop:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.chunked is not None:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for chunk in reply.chunked:
                    self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
                self.close_connection = True  # without the last chunk: cut
                return
            length = len(reply.body) if reply.length is None else reply.length
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)
            if length != len(reply.body):
                self.close_connection = True

        do_GET = do_HEAD = do_POST = do_PUT = do_CONNECT = _answer  # noqa: N815

    server = _Quiet(("127.0.0.1", 0), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, KEY)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Server(server.server_port, "https" if tls else "http", requests)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def tunnelling(port: int) -> Iterator[str]:
    """A proxy that connects every CONNECT, whatever its host, to ``port`` of this machine: its address."""

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:
            pass
        finally:
            with suppress(OSError):
                target.shutdown(socket.SHUT_WR)

    def handle(client: socket.socket) -> None:
        with client, client.makefile("rb") as lines:
            while lines.readline().strip():
                pass
            with socket.create_connection(("127.0.0.1", port)) as server:
                client.sendall(b"HTTP/1.0 200 Connected\r\n\r\n")  # as tinyproxy does
                back = threading.Thread(target=pump, args=(server, client), daemon=True)
                back.start()
                pump(client, server)
                back.join(PATIENCE)

    with accepting(handle) as place:
        yield f"http://127.0.0.1:{place}"
