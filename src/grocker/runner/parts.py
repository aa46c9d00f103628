"""Which programs a service consists of. Contract: E2, P1."""

from __future__ import annotations

import os

from .program import Program, find
from .spec import GRANIAN
from .value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .server import Given
    from .spec import Service


def server(service: Service, given: Given) -> Program:
    """The program that serves a WSGI or ASGI application."""
    beside = os.path.dirname(__file__)
    # Each is imported where it is wanted: of three, one is.
    if service.server == GRANIAN:
        from . import granian_server

        return granian_server.program(service, given, os.path.join(beside, "granian_starter.py"))
    if service.asgi is not None:
        from . import asgi_server

        return asgi_server.program(service, given, os.path.join(beside, "asgi_starter.py"))
    from . import wsgi_server

    return wsgi_server.program(service, given, os.path.join(beside, "server_hooks.py"))


def command(line: tuple[str, ...] | str, environ: Mapping[str, str]) -> Program:
    """The program of a command service, or of a companion. Raises Failure (126, 127)."""
    if isinstance(line, str):
        return Program(path="/bin/sh", arguments=("/bin/sh", "-c", line))
    # Operators' scripts do not stand in for the application's own commands: only E5 looks among them.
    return find(line, environ.get("PATH", os.defpath), scripts="")
