"""Listening sockets, which the runner opens once, before the service starts. Contract: P1, P2.

The runner keeps them open while it restarts the service, so clients wait instead of being refused, and a port that is
already in use is found before anything runs.
"""

from __future__ import annotations

import errno
import os

from ..base.c_modules import socket
from ..base.failure import CANNOT_WRITE, PORT_TAKEN, Failure, reason

BACKLOG = 2048
_LISTEN = "0A"  # proc_net_tcp: TCP_LISTEN
_NO_IPV6 = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


def open_listeners(port: int, *, single: bool = False) -> list[socket.socket]:
    """Listen on all IPv4 addresses and, where the container has IPv6, on all of those; closed by the caller.

    Two sockets, so that an IPv4 client does not appear as ``::ffff:192.0.2.1``; ``single``: the server takes only one.
    Raises Failure (69).
    """
    if single:
        try:
            return [_listening(socket.AF_INET6, "::", port, dual_stack=True)]
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


def open_unix_listener(path: str) -> socket.socket:
    """Listen at ``path``, in the runner's own directory, for nginx in front. Raises Failure (73).

    Some servers remove their socket's name when they end, so they get a second name, which clients do not use.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(_server_name(path))
        listener.listen(BACKLOG)
        os.link(_server_name(path), path)
    except OSError as error:
        listener.close()
        raise Failure(
            CANNOT_WRITE, f"{path}: cannot be created: {reason(error)}; mount a tmpfs at /tmp (--tmpfs /tmp)"
        ) from None
    return listener


def restore_unix_name(path: str) -> None:
    """Restore the server's name of the socket, which the server before it may have removed."""
    try:
        os.link(path, _server_name(path))
    except OSError:
        pass  # it is still there


def _server_name(path: str) -> str:
    return f"{path}.server"


def _listening(family: int, address: str, port: int, *, dual_stack: bool = False) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual_stack)
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno in _NO_IPV6 and family == socket.AF_INET6:
            raise
        raise Failure(
            PORT_TAKEN,
            f"port {port}: {reason(error)}; stop the program that listens there, or give the container its own network",
        ) from None
    return listener


def is_listening(port: int, tables: tuple[str, ...] = ("/proc/net/tcp", "/proc/net/tcp6")) -> bool:
    """Whether a process in the container listens on ``port``, according to the kernel, without connecting.

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
