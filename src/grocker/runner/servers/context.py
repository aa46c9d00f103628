"""What a server of an application is given, and how many workers it has. Contract: P1, X4."""

from __future__ import annotations

import math

from ..base.failure import CONFIGURATION, Failure
from ..base.value import TYPE_CHECKING, Value
from ..process.container_limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..contract.spec import Service

READY = "GROCKER_READY_FD"  # what ``server_hooks`` reads, and the application does not see
FRONT_SHARE = 0.75  # of the stop time, which what is in front has before the others are asked too
KEPT_ALIVE = 75  # seconds that a connection of nginx may be idle; nginx itself closes it sooner
WORKER_MEMORY = 128 << 20  # bytes; what a worker of an ordinary Django site may come to


class Given(Value):
    """``venv``: the application's environment. Descriptors: ``sockets`` listen, ``access`` takes the access log (-1:
    nginx, in front, writes it), into ``ready`` a worker writes a byte once it has the application. ``stop_timeout``:
    seconds that the container has for stopping. ``environ``: where what the operator sets with the server's own
    variables is left to them.
    """

    venv: str
    sockets: tuple[int, ...]
    access: int
    ready: int
    limits: Limits
    stop_timeout: float
    environ: Mapping[str, str]

    @property
    def kept(self) -> tuple[int, ...]:
        """The descriptors that the server inherits."""
        return tuple(descriptor for descriptor in (*self.sockets, self.access, self.ready) if descriptor >= 0)

    @property
    def graceful(self) -> int:
        """Whole seconds for requests that are being answered, one less than there are."""
        return max(1, math.floor(self.stop_timeout) - 1)


def workers(service: Service, given: Given) -> int:
    """Processes: as declared, as WEB_CONCURRENCY says, or one a processor, two at least, as far as the memory goes.

    Raises Failure (78) when WEB_CONCURRENCY is no number: gunicorn would end at it, with a traceback, each time.
    """
    asked = given.environ.get("WEB_CONCURRENCY")
    if asked is not None and not (asked.isascii() and asked.isdigit()):
        raise Failure(CONFIGURATION, f"WEB_CONCURRENCY={asked}: write a number of processes, or leave it out")
    if service.workers is not None:
        return service.workers
    if asked is not None:
        return max(1, int(asked))
    return max(1, min(max(2, math.ceil(given.limits.cpus)), given.limits.memory // WORKER_MEMORY))
