"""Requests a second on 8080, the sides in turn, by wrk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack

from tools.bench.host import BenchError, run
from tools.bench_runner.figures import Row, Verdict, in_turn, ratios
from tools.bench_runner.lab import BARE, RUNNER, SUPERVISORD, Container, Lab, wait_until

FRONT = "runner with nginx"
_CONNECTIONS = 32


def measure(lab: Lab, server: Sequence[str], turns: int, seconds: int, warm: int) -> list[Row]:
    """``turns``: of ``seconds`` for each side; ``warm``: turns of a second before, that are not counted."""
    sides = [(RUNNER, RUNNER, "www"), (BARE, BARE, "www"), (SUPERVISORD, SUPERVISORD, "www"), (FRONT, RUNNER, "front")]
    with ExitStack() as stack:
        containers: dict[str, Container] = {}
        for name, side, service in sides:
            containers[name] = stack.enter_context(lab.service(side, service, server))
        for container in containers.values():
            wait_until(container.address, 8080, "/")
        _must_have(containers[FRONT], "nginx")
        samples: dict[str, list[float]] = {name: [] for name in containers}
        used = 0.0
        for number in range(-warm, turns):
            for name in in_turn(list(containers), number):
                before = containers[RUNNER].processor()
                found = wrk(containers[name].address, seconds if number >= 0 else 1)
                if number >= 0:
                    samples[name].append(found)
                    used += containers[RUNNER].processor() - before
        used = used / sum(samples[RUNNER]) / seconds * 1e6
    return [
        Row(
            f"throughput on 8080: 10 KB, {_CONNECTIONS} connections",
            "requests/s",
            samples,
            (
                Verdict(ratios(samples, RUNNER, BARE), "{} × bare", 0.97, least=True),
                Verdict(ratios(samples, FRONT, BARE), "{} × bare with nginx in front", 0.93, least=True),
            ),
            (f"processor time of the runner: {used:.1f} µs a request",),
        )
    ]


def _must_have(container: Container, name: str) -> None:
    if not any(name in words[0] for words in container.processes()):
        raise BenchError(f"there is no {name} in front: {container.processes()}")


def wrk(address: str, seconds: int) -> float:
    """Requests a second. Raises BenchError when an answer was not 2xx, or there was none."""
    words = ["--threads", "1", "--connections", str(_CONNECTIONS), "--duration", f"{seconds}s"]
    return requests(run(["wrk", *words, f"http://{address}:8080/"]))


def requests(said: str) -> float:
    """From what wrk prints."""
    found = re.search(r"^Requests/sec:\s+([\d.]+)", said, re.MULTILINE)
    if found is None or "Non-2xx" in said or "Socket errors" in said:
        raise BenchError(f"wrk: requests failed:\n{said}")
    return float(found[1])
