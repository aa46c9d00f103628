"""Orphans as fast as a compiled program makes them: are all taken, and is 8081 answered meanwhile?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tools.bench.host import BenchError
from tools.bench_runner.figures import Row, Verdict
from tools.bench_runner.lab import RUNNER, SUPERVISORD, TINI, Container, Lab, get, wait_until

SIDES = (RUNNER, TINI, SUPERVISORD)
_EVERY = 0.02
"""seconds between two probes"""
_LAST = 0.5
"""seconds in which the last orphans end by themselves"""


def measure(lab: Lab, seconds: float, settle: float) -> list[Row]:
    """``seconds``: of making orphans under each side. ``settle``: seconds after the last, at which none may be left."""
    rates: dict[str, list[float]] = {}
    left: dict[str, list[float]] = {}
    probes: list[float] = []
    notes = []
    for side in SIDES:
        environ = {"BENCH_SECONDS": str(seconds)}
        with lab.service(side, "orphans", ["/bench/orphans"], environ=environ) as container:
            waiting = [0]
            with _counting(container, waiting, 0.5):
                if side == RUNNER:
                    wait_until(container.address, 8081, "/livez", every=0.01)
                    probes = _probe(container, seconds)
                made, lasted, refused = container.result()
            rates[side] = [made / lasted]
            left[side] = [float(_left(container, settle))]
            each = container.processor() / made * 1e6
            note = f"{side}: {max(waiting)} waiting at most, {each:.0f} µs of process 1 for each"
            notes.append(note + (f", {refused:.0f} refused" if refused else ""))
    return [
        Row("orphans made while process 1 takes them", "orphans/s", rates, notes=tuple(notes)),
        Row(
            f"zombies left {settle:g} s after",
            "",
            left,
            (Verdict(tuple(left[RUNNER]), "{}", 0),),
        ),
        Row(
            f"/livez meanwhile, {len(probes)} probes",
            "ms",
            {RUNNER: probes},
            (Verdict(tuple(probes), "{} ms at most", 50, worst=True),),
            (f"p50 {_percentile(probes, 0.5):.1f} ms, p99 {_percentile(probes, 0.99):.1f} ms",),
        ),
    ]


def _left(container: Container, settle: float) -> int:
    """Count the zombies after ``settle`` seconds; 0 as soon as there is none, once the last orphans have ended."""
    limit = time.monotonic() + settle
    time.sleep(min(_LAST, settle))
    while (found := container.zombies()) and time.monotonic() < limit:
        time.sleep(0.05)
    return found


@contextmanager
def _counting(container: Container, found: list[int], every: float) -> Iterator[None]:
    """Adds how many zombies there are, at intervals in seconds."""
    over = threading.Event()

    def count() -> None:
        while not over.wait(every):
            found.append(container.zombies())

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _probe(container: Container, seconds: float) -> list[float]:
    """How long each took, in ms, from before the connection to the end of the answer."""
    found = []
    end = time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        status, _ = get(container.address, 8081, "/livez")
        if status != 200:
            raise BenchError(f"/livez: {status}")
        took = time.monotonic() - began
        found.append(took * 1000)
        time.sleep(max(0.0, _EVERY - took))
    return found


def _percentile(samples: list[float], share: float) -> float:
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * share))]
