"""What a front, or a server alone, makes of requests and answers, told by the application behind it."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/seen":
        names = ("REMOTE_", "HTTP_", "wsgi.url_scheme")
        seen = {name: environ[name] for name in sorted(environ) if name.startswith(names)}
        return _answer(start_response, json.dumps(seen).encode())
    if path == "/length":
        return _answer(
            start_response, str(sum(map(len, iter(lambda: environ["wsgi.input"].read(65536), b"")))).encode()
        )
    if path == "/refuse":
        return _answer(start_response, b"refused", status="403 Forbidden")
    if path == "/slow":
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "20")])
        return _slowly(20)
    if path == "/endless":
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return _slowly(10**9)
    if path.startswith("/hand-out/"):
        headers = [
            ("X-Accel-Redirect", "/media/" + path.removeprefix("/hand-out/")),
            ("Content-Disposition", "attachment"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        return _answer(start_response, b"", headers)
    return _answer(start_response, f"the application, asked for {path}".encode(), status="404 Not Found")


def _answer(
    start_response: Callable[..., Any], body: bytes, headers: Iterable[tuple[str, str]] = (), status: str = "200 OK"
) -> list[bytes]:
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), *headers])
    return [body]


def _slowly(bytes_: int) -> Iterator[bytes]:
    for _ in range(bytes_):
        time.sleep(0.1)
        yield b"."
