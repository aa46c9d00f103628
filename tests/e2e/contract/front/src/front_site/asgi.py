"""The counterpart of wsgi.py: what it was told of a client, and an echo."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        raise ValueError("no lifespan")
    if scope["type"] == "websocket":
        await _echo(receive, send)
        return
    seen = {"HTTP_" + name.decode().upper().replace("-", "_"): value.decode() for name, value in scope["headers"]}
    seen |= {"REMOTE_ADDR": scope["client"][0], "wsgi.url_scheme": scope["scheme"]}
    headers = [(b"content-type", b"text/plain")]
    if scope["path"].startswith("/hand-out/"):
        headers.append((b"x-accel-redirect", b"/media/" + scope["path"].removeprefix("/hand-out/").encode()))
    status = 403 if scope["path"] == "/refuse" else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for _ in range({"/slow": 20, "/endless": 10**9}.get(scope["path"], 0)):
        await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": b".", "more_body": True})
    body = json.dumps(seen).encode() if scope["path"] == "/seen" else b""
    await send({"type": "http.response.body", "body": body})


async def _echo(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif message["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        else:
            return
