"""The sockets of a service that Grocker serves: opened by the runner, before the service and once. Contract: P1, P2.

The runner keeps them while the service is started again, so that clients wait instead of being refused, and a port that
is taken is found out before anything runs.
"""

from __future__ import annotations

import errno
import os

from ..base.c_modules import socket
from ..base.failure import CANNOT_WRITE, PORT_TAKEN, Failure, reason

BACKLOG = 2048
_LISTEN = "0A"  # proc_net_tcp: TCP_LISTEN
_NO_IPV6 = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


def open_sockets(port: int, *, one: bool = False) -> list[socket.socket]:
    """Listens on all addresses, IPv4 and, where the container has it, IPv6; closed by the caller.

    Two sockets, so that an IPv4 client is not called ``::ffff:192.0.2.1``, unless the server takes no more than
    ``one``. Raises Failure (69).
    """
    if one:
        try:
            return [_listening(socket.AF_INET6, "::", port, both=True)]
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
            return [_listening(socket.AF_INET, "0.0.0.0", port)]  # noqa: S104
    sockets = [_listening(socket.AF_INET, "0.0.0.0", port)]  # noqa: S104
    try:
        sockets.append(_listening(socket.AF_INET6, "::", port))
    except OSError as error:
        if error.errno not in _NO_IPV6:
            raise
    return sockets


def open_unix(path: str) -> socket.socket:
    """Listens at ``path``, for nginx in front alone: its directory is the runner's own. Raises Failure (73).

    Some servers remove the name of their socket when they end, so they get another one than clients have.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(_servers(path))
        listener.listen(BACKLOG)
        os.link(_servers(path), path)
    except OSError as error:
        listener.close()
        raise Failure(CANNOT_WRITE, f"{path}: {reason(error)}: mount a tmpfs at /tmp (--tmpfs /tmp)") from None
    return listener


def restore_unix(path: str) -> None:
    """Gives a server that was started again the name back that the one before it removed."""
    try:
        os.link(path, _servers(path))
    except OSError:
        pass  # it is still there


def _servers(path: str) -> str:
    return f"{path}.server"


def _listening(family: int, address: str, port: int, *, both: bool = False) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both)
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno in _NO_IPV6 and family == socket.AF_INET6:
            raise
        raise Failure(
            PORT_TAKEN, f"port {port}: {reason(error)}: stop what listens there, or give the container its own network"
        ) from None
    return listener


def is_listening(port: int, tables: tuple[str, ...] = ("/proc/net/tcp", "/proc/net/tcp6")) -> bool:
    """Whether anybody in the container accepts connections on ``port``, asked of the kernel: nobody is disturbed.

    Source: Linux, Documentation/networking/proc_net_tcp.rst.
    """
    end = f":{port:04X}"
    for table in tables:
        try:
            with open(table, encoding="ascii") as file:
                next(file, None)
                for line in file:
                    words = line.split(None, 4)
                    if words[3] == _LISTEN and words[1].endswith(end):
                        return True
        except OSError:
            continue  # the container has no IPv6
    return False
