"""An ASGI application under uvicorn. Contract: P1, X4. The counterpart of ``wsgi_server``."""

from __future__ import annotations

import math

from .container_limits import Limits
from .program import Program
from .spec import Service
from .value import TYPE_CHECKING
from .wsgi_server import workers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def program(
    service: Service,
    *,
    venv: str,
    starter: str,
    sockets: Sequence[int],
    limits: Limits,
    stop_timeout: float,
    environ: Mapping[str, str],
) -> Program:
    """The server's command line.

    ``sockets``: descriptors that listen already; ``starter``: path of ``asgi_starter.py``; ``stop_timeout``: seconds
    that the container has for stopping. WEB_CONCURRENCY of the operator wins over the count that the limits give.
    """
    assert service.asgi is not None
    count = workers(service.workers, limits)
    if service.workers is None and environ.get("WEB_CONCURRENCY", "").isdigit():
        count = max(1, int(environ["WEB_CONCURRENCY"]))
    python = f"{venv}/bin/python"
    listening = ",".join(str(descriptor) for descriptor in sockets)
    graceful = max(1, math.floor(stop_timeout) - 1)
    return Program(path=python, arguments=(python, starter, service.asgi, listening, str(count), str(graceful)))
