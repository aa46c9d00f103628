"""Opens the status port before anything is started. Contract: P2, H4.

The server behind it is imported later, while the service starts.
"""

from __future__ import annotations

from ..base import scratch
from ..base.value import TYPE_CHECKING, Value
from ..process.listeners import open_listeners
from .access_token import read_token

if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Mapping

    from ..contract.names import ContainerLayout


class StatusPort(Value):
    """The sockets that listen on the status port, and the token, if there is one."""

    sockets: tuple[socket, ...]
    token: bytes | None


def open_status_port(environ: Mapping[str, str], layout: ContainerLayout) -> StatusPort:
    """Open the port, once the environment is prepared; ``grocker-runner health`` asks it from now on.

    Raises Failure: 69, 73, 78.
    """
    token = read_token(environ)
    sockets = tuple(open_listeners(layout.status_port))
    scratch.claim(layout.scratch)
    return StatusPort(sockets=sockets, token=token)
