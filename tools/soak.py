"""Kill builds with ``kill -9`` at random moments, and check that the next one gives what an empty cache gives.

    python tools/soak.py [--builds 200] [--seed 0] [--project examples/polls]

The kills come in rounds of ten, sometimes two at once, in one cache: each build starts with what the last one left.
When a build finishes before it is killed, some directories of the cache are emptied. After each round one build runs
to its end: its digest must be that of the reference build, made in an empty cache; the store must be consistent, and
the layout valid. Otherwise the exit status is 1, and the cache is kept for inspection.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grocker.images.layout import problems
from grocker.store import Store
from grocker.store.check import check
from grocker.store.store import abandoned

ROUND = 10
"""builds to kill between two that run to their end"""
ROOMS = ("blobs", "members", "steps", "steps", "trees", "refs", "downloads")
EARLIEST = 0.1
"""seconds: before that, Python itself is starting"""


@dataclass
class Soak:
    """One run: its directory, the expected digest, the counts."""

    project: Path
    place: Path
    random: random.Random
    digest: str = ""
    whole: float = 0.0
    """seconds: the duration of the reference build"""
    killed: int = 0
    finished: int = 0
    left: int = 0
    """temporary directories that killed builds left for the next one to sweep"""
    failures: list[str] = field(default_factory=list)

    @property
    def cache(self) -> Path:
        """The cache that the killed builds share."""
        return self.place / "cache"

    def start(self, cache: Path, output: str) -> subprocess.Popen[str]:
        """Start a build that writes the layout ``output``."""
        return subprocess.Popen(
            [sys.executable, "-m", "grocker", "build", str(self.project), "--output", f"oci:{self.place / output}"],
            env={**os.environ, "GROCKER_CACHE": str(cache)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def build(self, cache: Path, output: str) -> str:
        """Run a build to its end; return its digest, or its exit status and error."""
        running = self.start(cache, output)
        stdout, stderr = running.communicate()
        if running.returncode:
            return f"exit status {running.returncode}: {stderr.strip()}"
        return stdout.strip().rpartition("@")[2]

    def kill(self, number: int) -> None:
        """Start one or two builds and kill them at a random moment, early as often as late."""
        running = [self.start(self.cache, f"out{n}") for n in range(self.random.choice((1, 1, 1, 2)))]
        moment = EARLIEST * (max(self.whole, 2 * EARLIEST) / EARLIEST) ** self.random.random()
        deadline = time.monotonic() + moment
        while time.monotonic() < deadline and any(one.poll() is None for one in running):
            time.sleep(0.005)
        for one in running:
            one.send_signal(signal.SIGKILL)
            stdout, stderr = one.communicate()
            if one.returncode == -signal.SIGKILL:
                self.killed += 1
                continue
            self.finished += 1
            digest = stdout.strip().rpartition("@")[2]
            if one.returncode or digest != self.digest:
                self.failures.append(f"build {number}: status {one.returncode}, {digest or stderr.strip()}")
        if any(one.returncode != -signal.SIGKILL for one in running):
            self.empty_rooms()
        if (self.cache / "v1" / "tmp").is_dir():
            self.left += len(abandoned(Store(self.cache / "v1")))

    def empty_rooms(self) -> None:
        """Empty some directories of the cache: there is work for the next build again."""
        for room in self.random.sample(ROOMS, self.random.randint(2, len(ROOMS))):
            shutil.rmtree(self.cache / "v1" / room, ignore_errors=True)

    def judge(self, number: int) -> None:
        """Run one build to its end, and check digest, store and layout."""
        # A program that a killed build started may still write to its directory: a later build sweeps that.
        before = set(abandoned(Store(self.cache / "v1")))
        digest = self.build(self.cache, "out0")
        if digest != self.digest:
            self.failures.append(f"after {number} builds: {digest}, not {self.digest}")
        store = Store(self.cache / "v1")
        self.failures += [f"after {number} builds: {one.path}: {one.what}" for one in check(store)]
        self.failures += [f"after {number} builds: not swept: {path}" for path in before & set(abandoned(store))]
        self.failures += [f"after {number} builds: {words}" for words in problems(self.place / "out0")]

    def run(self, builds: int) -> None:
        """Kill ``builds`` builds; stop after the first round with a failure."""
        began = time.monotonic()
        self.digest = self.build(self.place / "reference", "reference-out")
        self.whole = time.monotonic() - began
        if not self.digest.startswith("sha256:"):
            self.failures.append(f"the reference build: {self.digest}")
            return
        shutil.copytree(self.place / "reference" / "v1" / "downloads", self.cache / "v1" / "downloads")
        while self.killed < builds and not self.failures:
            end = min(self.killed + ROUND, builds)
            while self.killed < end and not self.failures:
                self.kill(self.killed + 1)
            self.judge(self.killed)
            print(f"{self.killed} builds killed, {self.finished} were quicker", file=sys.stderr, flush=True)
            self.empty_rooms()


def soak(project: Path, *, builds: int, seed: int, place: Path) -> Soak:
    """Kill ``builds`` builds of ``project``, with files under ``place``; return the finished run."""
    run = Soak(project, place, random.Random(seed))
    run.run(builds)
    return run


def main(arguments: Sequence[str]) -> int:
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description="Kill builds at random moments, and check the next one.")
    parser.add_argument("--builds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--project", type=Path, default=root / "examples" / "polls")
    given = parser.parse_args(arguments)
    place = Path(tempfile.mkdtemp(prefix="grocker-soak."))
    done = soak(given.project, builds=given.builds, seed=given.seed, place=place)
    for words in done.failures:
        print(words, file=sys.stderr)
    end = f"FAILED, see {place}" if done.failures else done.digest
    print(
        f"{done.killed} builds killed, {done.finished} quicker than their killer, "
        f"{done.left} temporary directories left to sweep; a whole build takes {done.whole:.1f} s; {end}"
    )
    if not done.failures:
        shutil.rmtree(place)
    return 1 if done.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
