"""The server as the runner starts it, and the same without a runner."""

from __future__ import annotations

from collections.abc import Sequence

from tools.bench.host import BenchError
from tools.bench_runner.lab import RUNNER, Lab, wait_until


def bare(lab: Lab) -> list[str]:
    """gunicorn's command line with the options that the runner passes, read from a container that it has started."""
    with lab.service(RUNNER, "www", ()) as container:
        wait_until(container.address, 8080, "/")
        found = next((words for words in container.processes() if "gunicorn.app.wsgiapp" in words), None)
    if found is None:
        raise BenchError("the runner has not started gunicorn")
    return without_runner(found)


def without_runner(words: Sequence[str]) -> list[str]:
    """It opens its socket itself, writes its access log to stdout, and has no hooks of the runner's."""
    left: list[str] = []
    bound = False
    given = iter(words)
    for word in given:
        if word == "--config":
            next(given)
        elif word == "--bind":
            next(given)
            left += [] if bound else ["--bind", "[::]:8080"]
            bound = True
        elif word == "--access-logfile":
            next(given)
            left += ["--access-logfile", "-"]
        else:
            left.append(word)
    return left
