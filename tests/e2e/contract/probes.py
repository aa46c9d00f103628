"""Questions to 8081 of a container, and waiting for their answers."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Mapping

from tests.e2e.contract.engine import Container


def ask(address: str, path: str, *, port: int = 8081, seconds: float = 20) -> tuple[int, str]:
    """Status and body; 0 and the reason when there is none."""
    connection = http.client.HTTPConnection(address, port, timeout=seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return 0, repr(error)
    finally:
        connection.close()


def until(address: str, path: str, status: int, *, port: int = 8081, seconds: float = 60) -> str:
    """The body, once it answers so."""
    wait_for(lambda: ask(address, path, port=port)[0] == status, seconds, lambda: f"{ask(address, path, port=port)}")
    return ask(address, path, port=port)[1]


def wait_for(reached: Callable[[], object], seconds: float = 60, told: Callable[[], str] = lambda: "") -> None:
    """Returns once it is reached."""
    latest = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < latest, told()
        time.sleep(0.03)


def metrics(address: str) -> Mapping[str, float]:
    """``/metrics``, by name with labels."""
    status, body = ask(address, "/metrics")
    assert status == 200, body
    lines = (line.rpartition(" ") for line in body.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def children(container: Container, process: int = 1) -> list[int]:
    """The process ids of those that it has started, as the container calls them."""
    return [int(word) for word in container.exec("cat", f"/proc/{process}/task/{process}/children").out.split()]


def states(container: Container) -> str:
    """A letter for each process in the container, its own ``sh`` and ``grep`` too (proc_pid_stat(5))."""
    lines = container.exec("sh", "-c", "grep -hs ^State: /proc/[0-9]*/status").out.splitlines()
    return "".join(sorted(line.split()[1] for line in lines))
