"""An ASGI application under uvicorn. Contract: P1, X4. The counterpart of ``wsgi_server``."""

from __future__ import annotations

from ..base.value import TYPE_CHECKING
from ..process.program import Program
from .context import KEPT_ALIVE, workers

if TYPE_CHECKING:
    from ..contract.spec import Service
    from .context import Given


def program(service: Service, given: Given, starter: str) -> Program:
    """The server's command line; ``starter``: path of ``asgi_starter.py``."""
    assert service.asgi is not None
    python = f"{given.venv}/bin/python"
    numbers = (workers(service, given), given.graceful, KEPT_ALIVE if service.front else 0, given.access, given.ready)
    listening = ",".join(str(descriptor) for descriptor in given.sockets)
    return Program(path=python, arguments=(python, starter, service.asgi, listening, *(str(n) for n in numbers)))
