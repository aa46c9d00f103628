"""nginx in front of a server, when a service shows static files or hands out media: its program and all it needs.

Contract: V2, X1, U1. It inherits the sockets of 8080 as it would from an nginx before it (nginx, "Upgrading Executable
on the Fly": the variable NGINX), so they outlive it, and everything that it writes is in one directory of the runner's.
"""

from __future__ import annotations

import math

from ..base import scratch
from ..base.c_modules import signal
from ..base.value import TYPE_CHECKING
from ..process.program import Program
from . import nginx_configuration
from .context import FRONT_SHARE
from .nginx_configuration import Front

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..contract.spec import Service
    from .context import Given

STOP_SIGNAL = signal.SIGQUIT  # graceful; TERM is not
_NGINX = "/usr/sbin/nginx"
_WORKERS = 2
_CONNECTIONS = 4096  # of a worker; a request that goes on to the server has two
_RESERVED = 32  # descriptors that are no connections
_FEW = 64
_PASSED_ON = ("LANG", "PATH", "TZ", "TZDIR")  # of the environment: the application's secrets are not nginx's


def front(
    service: Service,
    given: Given,
    *,
    home: str,
    upstream: str,
    media: str,
    revision: str,
    port: int,
    trusted: Sequence[str],
    files: int,
) -> Front:
    """What it is told. ``given``: as if it were the server; ``files``: descriptors that a process may have."""
    return Front(
        home=home,
        upstream=upstream,
        asynchronous=service.asgi is not None,
        media=media if service.media else None,
        static=service.static,
        revision=revision,
        access=given.access,
        port=port,
        ipv6=len(given.sockets) > 1,
        trusted=tuple(trusted),
        workers=max(1, min(_WORKERS, math.ceil(given.limits.cpus))),
        connections=max(_FEW, min(_CONNECTIONS, files - _RESERVED)),
        shutdown=max(100, int(given.stop_timeout * FRONT_SHARE * 900)),
    )


def configure(front: Front) -> None:
    """Makes its directory, with the configuration in it. Raises Failure (73)."""
    scratch.make_directory(front.home)
    scratch.write(f"{front.home}/nginx.conf", nginx_configuration.text(front).encode())


def program(home: str) -> Program:
    """Its command line, with the configuration in ``home``."""
    return Program(path=_NGINX, arguments=(_NGINX, "-e", "stderr", "-p", home, "-c", f"{home}/nginx.conf"))


def environment(environ: Mapping[str, str], sockets: Sequence[int]) -> dict[str, str]:
    """Its environment; ``sockets``: the listening ones, non-blocking (it does not see to that for inherited ones)."""
    kept = {name: environ[name] for name in _PASSED_ON if name in environ}
    return {**kept, "NGINX": "".join(f"{descriptor};" for descriptor in sockets)}
