"""What it takes to supervise one service that does nothing: memory, and processor time in a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from tools.bench_runner.figures import Row, Verdict
from tools.bench_runner.lab import RUNNER, SUPERVISORD, TINI, Lab, get, wait_until

SIDES = (RUNNER, TINI, SUPERVISORD)


@contextmanager
def begun(lab: Lab, server: Sequence[str], seconds: float) -> Iterator[Callable[[], list[Row]]]:
    """gunicorn under each of them. What it gives waits until they have been idle for ``seconds``, and tells.

    The runner has answered for each of its pages before. Other things may be measured meanwhile.
    """
    with ExitStack() as stack:
        containers = {side: stack.enter_context(lab.service(side, "www", server)) for side in SIDES}
        for container in containers.values():
            wait_until(container.address, 8080, "/")
        for path in ("/", "/metrics", "/status.json", "/readyz"):
            get(containers[RUNNER].address, 8081, path)
        began = time.monotonic()
        used = {side: container.processor() for side, container in containers.items()}

        def rows() -> list[Row]:
            time.sleep(max(0.0, began + seconds - time.monotonic()))
            lasted = time.monotonic() - began
            shares = {side: [(c.processor() - used[side]) / lasted * 100] for side, c in containers.items()}
            memory = {side: [container.memory()] for side, container in containers.items()}
            most = containers[RUNNER].memory("VmHWM")
            return [
                Row(
                    "supervising gunicorn: resident memory of process 1",
                    "MB",
                    memory,
                    (Verdict(tuple(memory[RUNNER]), "{} MB", 20),),
                    (f"the most it ever had: {most:.1f} MB",),
                ),
                Row(
                    f"supervising gunicorn: processor time of process 1, idle for {lasted:.0f} s",
                    "% of a CPU",
                    shares,
                    (Verdict(tuple(shares[RUNNER]), "{} %", 0.1),),
                ),
            ]

        yield rows
