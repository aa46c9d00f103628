"""From ``docker run`` to the first 200 on 8080."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence

from tools.bench.host import BenchError, run
from tools.bench_runner.figures import Row, Verdict, in_turn, ratios
from tools.bench_runner.lab import BARE, RUNNER, SUPERVISORD, Lab, get, new_name

SIDES = (RUNNER, BARE, SUPERVISORD)
_LONGEST = 300.0
_EVERY = 0.001


def measure(lab: Lab, server: Sequence[str], rounds: int, warm: int) -> list[Row]:
    """``server``: gunicorn's command line for the peers; ``warm``: starts of each that are not counted."""
    whole: dict[str, list[float]] = {side: [] for side in SIDES}
    inside: dict[str, list[float]] = {side: [] for side in SIDES}
    # All use one network in turn: its address is known before, so asking begins at once and loses no time.
    with lab.container(["--entrypoint", "sleep"], ["infinity"]) as holder:
        for number in range(-warm, rounds):
            for side in in_turn(SIDES, number):
                seconds, since_start = _start(lab, side, server, holder.name, holder.address)
                if number >= 0:
                    whole[side].append(seconds * 1000)
                    inside[side].append(since_start * 1000)
    return [
        Row(
            "first 200 on 8080, from `docker run`",
            "ms",
            whole,
            (Verdict(ratios(whole, RUNNER, BARE), "{} × bare", 1.1),),
        ),
        Row("first 200 on 8080, from the start of process 1", "ms", inside, notes=(_over(inside),)),
    ]


def _over(samples: dict[str, list[float]]) -> str:
    from statistics import median

    over = median(a - b for a, b in zip(samples[RUNNER], samples[BARE], strict=True))
    share = median(ratios(samples, RUNNER, BARE))
    return f"{over:.0f} ms over bare, {share:.2f} ×: no budget of its own"


def _start(lab: Lab, side: str, server: Sequence[str], network: str, address: str) -> tuple[float, float]:
    """Seconds since the command was given, and since the engine had started the process."""
    options, arguments = lab.options(side, "www", server)
    name = new_name()
    line = ["docker", "run", "--detach", "--name", name, "--network", f"container:{network}", *options, lab.image]
    began = time.time()
    try:
        with subprocess.Popen([*line, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as client:
            answered = _answered(address, began + _LONGEST)
            if client.wait() or answered is None:
                said = client.stderr.read().decode() if client.stderr else ""
                raise BenchError(f"{side}: no answer on 8080: {said}{run(['docker', 'logs', name])[-2000:]}")
        return answered - began, answered - lab.inspected(name).since
    finally:
        run(["docker", "rm", "--force", "--volumes", name])


def _answered(address: str, limit: float) -> float | None:
    while (now := time.time()) < limit:
        try:
            status, _ = get(address, 8080, "/")
            if status == 200:
                return time.time()
        except OSError:
            pass
        time.sleep(max(0.0, now + _EVERY - time.time()))
    return None
