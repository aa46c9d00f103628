"""``grocker-runner health``: for engines' health checks. Contract: H5."""

from __future__ import annotations

import os
import socket

from ..base.failure import say
from ..base.scratch import SUPERVISED
from .values import PORT

SECONDS = 2.0
_LONGEST = 4096  # bytes of an answer; the first line counts


def health(scratch: str, *, port: int = PORT) -> int:
    """0 when ``/livez`` answers 200 within two seconds, or where nothing is supervised; else 1, and a line says why."""
    try:
        os.stat(f"{scratch}/{SUPERVISED}")
    except FileNotFoundError:
        return 0
    except OSError:
        pass  # another user's: something is there
    try:
        answer = _asked(port)
    except TimeoutError:
        say(f"health: /livez does not answer within {SECONDS:g} s")
        return 1
    except OSError as error:
        say(f"health: port {port} does not answer: {error.strerror or error}")
        return 1
    first = answer.partition(b"\r\n")[0].decode("latin-1")
    if first.split(" ")[1:2] == ["200"]:
        return 0
    body = answer.partition(b"\r\n\r\n")[2].decode("utf-8", "replace").strip()
    say(f"health: /livez: {body or first or 'nothing'}")
    return 1


def _asked(port: int) -> bytes:
    """Raises OSError, TimeoutError among them."""
    import time

    deadline = time.monotonic() + SECONDS
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as asked:
        asked.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        while len(answer) < _LONGEST:
            asked.settimeout(max(0.001, deadline - time.monotonic()))
            block = asked.recv(_LONGEST)
            if not block:
                break
            answer += block
    return answer
