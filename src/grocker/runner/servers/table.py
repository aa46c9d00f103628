"""The servers that run WSGI and ASGI applications, and what every one of them provides. Contract: P1, X4.

A row of ``contract.spec.SERVERS`` names the server ``NAME``, its code is ``NAME_server.py`` beside this file. That file
runs twice: the runner imports it for :class:`Server`, and the application's interpreter runs it by its path to start
the server. Hence it imports the runner's modules inside functions only.
"""

from __future__ import annotations

import math

from ..base.failure import CONFIGURATION, Failure
from ..base.value import TYPE_CHECKING, Value
from ..contract.names import WEB_CONCURRENCY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from ..contract.spec import Service
    from ..process.container_limits import ContainerLimits
    from ..process.program import Program

    class Server(Protocol):
        """A module of this room."""

        def launch(self, service: Service, context: ServerContext) -> Launch:
            """Return how to start the server for a service. Raises Failure (78)."""


FRONT_SHARE = 0.75  # of the stop timeout, which nginx has before the server is asked to stop too
KEEP_ALIVE = 75  # seconds that a connection of nginx may be idle; nginx closes it sooner
WORKER_MEMORY = 128 << 20  # bytes; what a worker of an ordinary Django site may use


MOST_WORKERS = 1000
"""More are a mistake that would use up the machine's processes."""


class Launch(Value):
    """What to execute, and further variables for it."""

    program: Program
    variables: Mapping[str, str] = {}


class ServerContext(Value):
    """What a server gets from the runner.

    ``venv``: the application's environment. Descriptors: ``sockets`` listen, ``access`` takes the access log (-1: nginx
    writes it), a worker writes a byte into ``ready`` once it has loaded the application. ``stop_timeout``: seconds that
    the container has for stopping. ``environ``: the application's, which may contain the server's own variables.
    ``levels``: descriptors for the server's own records up to INFO, and for WARNING, so that syslog gets their
    severity; -1: stderr like all others. ``directory``: the runner's, for what server and runner tell each other.
    """

    venv: str
    sockets: tuple[int, ...]
    access: int
    ready: int
    limits: ContainerLimits
    stop_timeout: float
    environ: Mapping[str, str]
    levels: tuple[int, int] = (-1, -1)
    directory: str = ""

    @property
    def inherited(self) -> tuple[int, ...]:
        """The descriptors that the server inherits."""
        return tuple(
            descriptor for descriptor in (*self.sockets, self.access, self.ready, *self.levels) if descriptor >= 0
        )

    @property
    def graceful(self) -> int:
        """Whole seconds for requests in progress, one less than the stop timeout; see :mod:`.stop_deadline`."""
        return max(1, math.floor(self.stop_timeout) - 1)

    @property
    def python(self) -> str:
        """The application's interpreter."""
        return f"{self.venv}/bin/python"


def find_server(name: str) -> Server:
    """Import the module of one server; the others stay unloaded."""
    server: Server = __import__(f"{__package__}.{name}_server", fromlist=["launch"])
    return server


def count_workers(service: Service, context: ServerContext) -> int:
    """Return the number of workers: as declared, as WEB_CONCURRENCY says, else one per CPU, at least two, if the memory
    allows.

    Raises Failure (78) when WEB_CONCURRENCY is no such number: gunicorn would start without workers, or fail with a
    traceback at every start.
    """
    requested = _requested_workers(context.environ.get(WEB_CONCURRENCY, ""))
    if service.workers is not None:
        return service.workers
    if requested is not None:
        return requested
    return max(1, min(max(2, math.ceil(context.limits.cpus)), context.limits.memory // WORKER_MEMORY))


def _requested_workers(text: str) -> int | None:
    """Return the operator's number of workers, or None; empty is not given, as compose makes it of ``${NAME:-}``."""
    if not text:
        return None
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(MOST_WORKERS))
    if not digits or not 1 <= int(text) <= MOST_WORKERS:
        raise Failure(
            CONFIGURATION,
            f"{WEB_CONCURRENCY}={text}: expected a number of workers from 1 to {MOST_WORKERS}; correct or unset it",
        )
    return int(text)
