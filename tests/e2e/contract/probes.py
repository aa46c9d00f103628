"""Ask a container's status port, and wait for answers and states."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Mapping

from tests.e2e.contract.engine import Container
from tests.support.patience import PATIENCE


def ask(address: str, path: str, *, port: int = 8081, seconds: float = PATIENCE) -> tuple[int, str]:
    """Return status and body of the answer; 0 and the reason when there is none."""
    connection = http.client.HTTPConnection(address, port, timeout=seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return 0, repr(error)
    finally:
        connection.close()


def until(address: str, path: str, status: int, *, port: int = 8081, seconds: float = PATIENCE) -> str:
    """Wait until the path answers with this status; return the body."""
    wait_for(lambda: ask(address, path, port=port)[0] == status, seconds, lambda: f"{ask(address, path, port=port)}")
    return ask(address, path, port=port)[1]


def wait_for(reached: Callable[[], object], seconds: float = PATIENCE, told: Callable[[], str] = lambda: "") -> None:
    """Wait until ``reached`` is true; ``told`` gives the message of a failure."""
    latest = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < latest, told()
        time.sleep(0.03)


def metrics(address: str) -> Mapping[str, float]:
    """Return the samples of ``/metrics`` by name with labels."""
    status, body = ask(address, "/metrics")
    assert status == 200, body
    lines = (line.rpartition(" ") for line in body.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def children(container: Container, process: int = 1) -> list[int]:
    """Return the process ids of a process's children, as seen in the container."""
    return [int(word) for word in container.exec("cat", f"/proc/{process}/task/{process}/children").out.split()]


def states(container: Container) -> str:
    """Return a state letter for each process in the container, this ``sh`` and ``grep`` included (proc_pid_stat(5))."""
    lines = container.exec("sh", "-c", "grep -hs ^State: /proc/[0-9]*/status").out.splitlines()
    return "".join(sorted(line.split()[1] for line in lines))
