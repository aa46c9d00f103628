"""A WSGI application under gunicorn, with threads. Contract: P1, X4.

Source: gunicorn's own settings reference; the choices are explained in docs/decisions/0022.
"""

from __future__ import annotations

import os

from ..base.value import TYPE_CHECKING
from ..process.program import Program
from .context import KEPT_ALIVE, workers

if TYPE_CHECKING:
    from ..contract.spec import Service
    from .context import Given

THREADS = 8  # of a worker


def program(service: Service, given: Given, hooks: str) -> Program:
    """The server's command line; ``hooks``: path of ``server_hooks.py``."""
    assert service.wsgi is not None
    python = f"{given.venv}/bin/python"
    arguments = [python, "-m", "gunicorn", "--config", hooks, "--worker-class", "gthread", "--threads", str(THREADS)]
    for descriptor in given.sockets:
        arguments += ["--bind", f"fd://{descriptor}"]
    if service.workers is not None or not given.environ.get("WEB_CONCURRENCY"):
        arguments += ["--workers", str(workers(service, given))]
    arguments += ["--forwarded-allow-ips", ""]  # X1 is client_headers' to judge
    arguments += ["--worker-tmp-dir", "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else "/tmp"]  # noqa: S108
    arguments += ["--graceful-timeout", str(given.graceful)]
    if given.access >= 0:
        arguments += ["--access-logfile", f"/dev/fd/{given.access}"]
    if service.front:
        arguments += ["--keep-alive", str(KEPT_ALIVE)]
    if _knows("--no-control-socket", given.venv):
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
