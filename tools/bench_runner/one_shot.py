"""``docker run IMAGE true``, the whole of it, under each entrypoint in turn."""

from __future__ import annotations

import time

from tools.bench.host import run
from tools.bench_runner.figures import Row, Verdict, differences, in_turn, ratios
from tools.bench_runner.lab import BARE, INIT, RUNNER, TINI, Lab

SIDES = (RUNNER, BARE, TINI, INIT)


def measure(lab: Lab, rounds: int, warm: int) -> list[Row]:
    """``rounds``: commands of each side; ``warm``: more before, that are not counted."""
    samples: dict[str, list[float]] = {side: [] for side in SIDES}
    for number in range(-warm, rounds):
        for side in in_turn(SIDES, number):
            options, arguments = lab.options(side, "true", ["true"])
            line = ["docker", "run", "--rm", *options, lab.image, *(["true"] if side == RUNNER else arguments)]
            began = time.perf_counter()
            run(line)
            if number >= 0:
                samples[side].append((time.perf_counter() - began) * 1000)
    verdicts = (
        Verdict(differences(samples, RUNNER, BARE), "{} ms over bare", 40),
        Verdict(ratios(samples, RUNNER, TINI), "{} × tini", 1.2),
    )
    return [Row("one-shot command: `docker run --rm IMAGE true`", "ms", samples, verdicts)]
