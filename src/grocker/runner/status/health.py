"""``grocker-runner health``: for the health checks of container engines. Contract: H5."""

from __future__ import annotations

import os
import socket

from ..base.failure import say
from ..base.scratch import SUPERVISED
from ..contract.names import STATUS_PORT

_LONGEST = 4096  # bytes of a response


def check_health(scratch: str, *, ready: bool = False, port: int = STATUS_PORT, seconds: float = 2.0) -> int:
    """Return 0 when ``/livez`` answers 200 in time, or when nothing is supervised; else 1, and say why.

    ``ready``: ask ``/readyz``, which fails during a crash loop, where a process lives at most moments.
    """
    path = "/readyz" if ready else "/livez"
    try:
        os.stat(f"{scratch}/{SUPERVISED}")
    except FileNotFoundError:
        return 0
    except OSError:
        pass  # another user's, so it exists
    try:
        answer = _request(path, port, seconds)
    except TimeoutError:
        say(f"health: no response from {path} within {seconds:g} s")
        return 1
    except OSError as error:
        say(f"health: cannot connect to port {port}: {error.strerror or error}")
        return 1
    first = answer.partition(b"\r\n")[0].decode("latin-1")
    if first.split(" ")[1:2] == ["200"]:
        return 0
    body = answer.partition(b"\r\n\r\n")[2].decode("utf-8", "replace").strip()
    say(f"health: {path}: {body or first or 'empty response'}")
    return 1


def _request(path: str, port: int, seconds: float) -> bytes:
    """Return the response. Raises OSError, including TimeoutError."""
    import time

    deadline = time.monotonic() + seconds
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        while len(answer) < _LONGEST:
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            block = connection.recv(_LONGEST)
            if not block:
                break
            answer += block
    return answer
