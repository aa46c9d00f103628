"""A WSGI application under gunicorn, with threads. Contract: P1, X4.

Source: gunicorn's own settings reference; the choices are explained in docs/decisions/0022.
"""

from __future__ import annotations

import math
import os

from .container_limits import Limits
from .program import Program
from .spec import Service
from .value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

THREADS = 8  # of a worker
WORKER_MEMORY = 128 << 20  # bytes; what a worker of an ordinary Django site may come to


def workers(declared: int | None, limits: Limits) -> int:
    """Processes of the server: as declared, else one a processor, two at least, as far as the memory goes."""
    if declared is not None:
        return declared
    return max(1, min(max(2, math.ceil(limits.cpus)), limits.memory // WORKER_MEMORY))


def program(
    service: Service,
    *,
    venv: str,
    hooks: str,
    sockets: Sequence[int],
    limits: Limits,
    stop_timeout: float,
    environ: Mapping[str, str],
) -> Program:
    """The server's command line.

    ``sockets``: descriptors that listen already; ``hooks``: path of ``server_hooks.py``; ``stop_timeout``: seconds that
    the container has for stopping. What the operator sets with gunicorn's own variables is left to them.
    """
    assert service.wsgi is not None
    python = f"{venv}/bin/python"
    arguments = [python, "-m", "gunicorn", "--config", hooks, "--worker-class", "gthread", "--threads", str(THREADS)]
    for descriptor in sockets:
        arguments += ["--bind", f"fd://{descriptor}"]
    if service.workers is not None or not environ.get("WEB_CONCURRENCY"):
        arguments += ["--workers", str(workers(service.workers, limits))]
    if "FORWARDED_ALLOW_IPS" not in environ:
        arguments += ["--forwarded-allow-ips", ""]
    arguments += ["--worker-tmp-dir", "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else "/tmp"]  # noqa: S108
    arguments += ["--graceful-timeout", str(max(1, math.floor(stop_timeout) - 1))]
    arguments += ["--access-logfile", "-"]
    if _knows("--no-control-socket", venv):
        arguments.append("--no-control-socket")
    arguments.append(service.wsgi)
    return Program(path=python, arguments=tuple(arguments))


def _knows(option: str, venv: str) -> bool:
    """Whether the installed gunicorn has an option; asking gunicorn itself would take as long as starting it."""
    try:
        for python in sorted(os.listdir(f"{venv}/lib")):
            path = f"{venv}/lib/{python}/site-packages/gunicorn/config.py"
            if os.path.exists(path):
                with open(path, "rb") as file:
                    return option.encode() in file.read()
    except OSError:
        pass
    return False
