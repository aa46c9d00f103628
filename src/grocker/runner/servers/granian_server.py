"""A WSGI or ASGI application under granian, on request. Contract: P1, X4. The counterpart of ``wsgi_server``."""

from __future__ import annotations

from ..base.value import TYPE_CHECKING
from ..process.program import Program
from .context import workers

if TYPE_CHECKING:
    from ..contract.spec import Service
    from .context import Given


def program(service: Service, given: Given, starter: str) -> Program:
    """The server's command line; ``starter``: path of ``granian_starter.py``."""
    kind, target = ("asgi", service.asgi) if service.asgi is not None else ("wsgi", service.wsgi)
    assert target is not None
    assert len(given.sockets) == 1  # it takes no more
    python = f"{given.venv}/bin/python"
    numbers = (given.sockets[0], workers(service, given), given.graceful, given.access, given.ready)
    return Program(path=python, arguments=(python, starter, kind, target, *(str(number) for number in numbers)))
