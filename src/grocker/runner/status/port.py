"""Port 8081 before anything is started: found taken, or ours. Contract: P2, H4.

Apart from the server, which is imported while the service starts.
"""

from __future__ import annotations

from ..base import scratch
from ..base.value import TYPE_CHECKING, Value
from ..process.listeners import open_sockets
from . import access_token as status_token
from .values import PORT

if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Mapping

    from ..contract.paths import Places


class Port(Value):
    """What is made before anything is started: sockets that listen on 8081, and the token."""

    sockets: tuple[socket, ...]
    token: bytes | None


def open_port(environ: Mapping[str, str], places: Places) -> Port:
    """Once the environment is prepared; from now on ``grocker-runner health`` asks. Raises Failure: 69, 73, 78."""
    token = status_token.read(environ)
    sockets = tuple(open_sockets(PORT))
    scratch.claim(places.scratch)
    return Port(sockets=sockets, token=token)
