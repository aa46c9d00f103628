"""Port 8081 with made-up statuses: the real server on the real loop, without a container. Run by :mod:`.supervised`.

It imports what the runner does and nothing else: what it takes of memory is measured.
"""

from __future__ import annotations

import os
import signal
import socket
import time

from grocker.runner.base.value import TYPE_CHECKING
from grocker.runner.process.loop import Loop
from grocker.runner.status import server as status_server
from grocker.runner.status import usage
from grocker.runner.status.values import Status
from tests.support import statuses

if TYPE_CHECKING:
    from collections.abc import Iterable


def serve(
    *,
    kind: str = "service",
    real: bool = False,
    files: int = 0,
    port: int = 0,
    token: str | None = None,
    broken: bool = False,
    jobs: int = 0,
    **options: object,
) -> None:
    began = time.time()
    state = {signal.SIGUSR1: False, signal.SIGUSR2: False}

    def switch(number: int) -> None:
        state[signal.Signals(number)] = not state[signal.Signals(number)]

    def status() -> Status:
        make = statuses.service_status if kind == "service" else statuses.cron_status
        made = make(time.time(), began, ready=not state[signal.SIGUSR1], stopping=state[signal.SIGUSR2])
        if jobs:
            fields = {name: getattr(made, name) for name in Status.__annotations__}
            many = tuple(statuses.job_status(f"job{number}", number, "@daily", runs=1) for number in range(jobs))
            made = Status(**fields | {"jobs": many})
        return None if broken else made  # type: ignore[return-value]

    def made_up(pids: Iterable[int], *, root: str = "/") -> usage.Usage:
        return statuses.usage(began)

    if not real:
        usage.read_usage = made_up
    if files:
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(2048)
    port = listener.getsockname()[1]
    with Loop(lambda: None, switch) as loop:
        server = status_server.StatusServer(
            loop,
            [listener],
            status,
            token=None if token is None else token.encode(),
            tail=statuses.tail,
            **options,  # type: ignore[arg-type]
        )
        os.write(1, f"{port}\n".encode())
        while not loop.stop_requested:
            loop.turn(60)
        server.close()
