"""Machines that have nothing in common but a registry: ``python -m tools.bench --machines [--rounds 7] [--write]``.

One machine builds, pushes, and writes a cache into the registry. Then machines that have nothing build the same
project: with that cache, with the cache and one line changed, and without a cache. BuildKit's cache is the inline one
of Debian's ``docker.io``. Its machines have the base image, those of Grocker have no base to fetch.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Protocol

from tools.bench.engine import Engine
from tools.bench.project import Project
from tools.bench.registry import Registry
from tools.bench.report import Marks, markdown_table, ratios, spread
from tools.bench.rounds import Sample
from tools.bench.sides import Dockerfile, Grocker

SAME, LINE, NONE = "same", "line", "none"
WORDS = {
    SAME: "nothing changed",
    LINE: "one line changed",
    NONE: "without a cache",
}
WITHOUT = 2
"""rounds in which machines have no cache: they take minutes"""
GOAL = 0.15
"""of BuildKit's time, with the cache"""
MARKS = Marks(
    "<!-- machines: written by make bench BENCH='--machines --write' -->", "<!-- end of machines -->", "-machines"
)


class Machine(Protocol):
    """A way to build on a machine that has nothing."""

    @property
    def name(self) -> str:
        """In tables and samples."""

    def forget(self) -> None:
        """Become a new machine."""

    def push(self, project: Path, repository: str, *, reads: bool, writes: bool = False) -> str:
        """Build, and push to the repository with the tag ``1``; return that name. ``reads``, ``writes``: the cache."""

    def serve(self, name: str, expected: str) -> None:
        """Pull the image and run its site. Raises BenchError when it does not work."""


@dataclass(frozen=True, slots=True)
class GrockerMachine:
    """``grocker build`` with ``--cache-from``."""

    side: Grocker

    @property
    def name(self) -> str:
        """See Machine.name."""
        return self.side.name

    def forget(self) -> None:
        """See Machine.forget."""
        shutil.rmtree(self.side.cache, ignore_errors=True)

    def push(self, project: Path, repository: str, *, reads: bool, writes: bool = False) -> str:
        """See Machine.push."""
        cache, name = f"{self.side.registry.address}/cache", f"{self.side.registry.address}/{repository}:1"
        words = ["--cache-from", cache] if reads else []
        words += ["--cache-to", cache] if writes else []
        self.side.grocker(self.side.source(project), "--push", "--tag", name, *words)
        return name

    def serve(self, name: str, expected: str) -> None:
        """See Machine.serve."""
        self.side.engine.docker("pull", name)
        self.side.engine.serve(name, ["start", "www"], ["django-admin.py", "migrate"], expected)


@dataclass(frozen=True, slots=True)
class BuildKitMachine:
    """``docker build --cache-from``, then ``docker push``."""

    side: Dockerfile

    @property
    def name(self) -> str:
        """See Machine.name."""
        return self.side.name

    def forget(self) -> None:
        """See Machine.forget. Downloads of ``RUN --mount=type=cache`` go too; the base image stays."""
        self.side.engine.forget()
        self.side.engine.docker("builder", "prune", "--all", "--force")

    def push(self, project: Path, repository: str, *, reads: bool, writes: bool = False) -> str:
        """See Machine.push. The cache is in the image that the first machine pushed."""
        side, address = self.side, self.side.registry.address
        name = f"{address}/{side.repository}-cache:1" if writes else f"{address}/{repository}:1"
        words = ["--cache-from", f"{address}/{side.repository}-cache:1"] if reads else []
        words += ["--build-arg", "BUILDKIT_INLINE_CACHE=1"] if writes else []
        side.engine.build(side.dockerfile, project, name, secrets=side.secrets, more=words)
        side.engine.docker("push", name)
        return name

    def serve(self, name: str, expected: str) -> None:
        """See Machine.serve."""
        self.side.engine.docker("pull", name)
        self.side.engine.serve(name, [], ["python3", "-m", "django", "migrate"], expected)


@dataclass(slots=True)
class Race:
    """The rounds: every case on every machine in turn."""

    machines: Sequence[Machine]
    project: Project
    engine: Engine
    registry: Registry
    say: Callable[[str], None]
    samples: list[Sample] = field(default_factory=list)
    fetched: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """bytes that the registry sent, by case and machine"""

    def run(self, rounds: int) -> None:
        """Fill the caches, prove that the images work, and time ``rounds``."""
        self.project.reset()
        for machine in self.machines:
            self.say(f"{machine.name}: the first machine fills the cache")
            machine.forget()
            machine.push(self.project.directory, f"first-{self._slug(machine)}", reads=False, writes=True)
        for number in range(rounds + 1):
            began = time.monotonic()
            first = number % len(self.machines)
            for case in (SAME, LINE, NONE):
                if case == NONE and not 0 < number <= WITHOUT:
                    continue
                if case == LINE:
                    self.project.change_line(number)
                else:
                    self.project.reset()
                for machine in (*self.machines[first:], *self.machines[:first]):
                    name = self._time(case, machine, number)
                    if number == 0 and case != NONE:
                        machine.serve(name, "ok 0" if case == LINE else "ok")
            self.say(f"round {number} of {rounds}: {time.monotonic() - began:.0f} s")
            if number == 0:  # to warm up
                self.samples.clear()
                self.fetched.clear()

    def _time(self, case: str, machine: Machine, number: int) -> str:
        machine.forget()
        os.sync()
        held, sent, used = self.registry.held(), self.registry.written(), self._processor()
        began = time.perf_counter()
        repository = f"{self._slug(machine)}-{case}-{number}"
        name = machine.push(self.project.directory, repository, reads=case != NONE)
        seconds = time.perf_counter() - began
        used = self._processor() - used
        pushed = self.registry.held() - held
        self.fetched.setdefault((case, machine.name), []).append(max(self.registry.written() - sent - pushed, 0))
        self.samples.append(Sample(case, machine.name, number, 0, round(seconds, 4), round(used, 2), pushed))
        return name

    def _processor(self) -> float:
        ours = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ours.ru_utime + ours.ru_stime + self.engine.processor()

    @staticmethod
    def _slug(machine: Machine) -> str:
        return re.sub("[^a-z]+", "-", machine.name.lower()).strip("-")


def tables(race: Race, about: Mapping[str, str]) -> str:
    """Markdown: what was measured where, times, ratios and the goal, bytes."""
    names = [machine.name for machine in race.machines]
    own, *peers = names
    lines = [f"- {name}: {text}" for name, text in about.items()]
    lines += ["", "Seconds of a new machine until the image is in the registry, median (least – most):", ""]
    lines += markdown_table(
        ["", *names], [[WORDS[case], *(_seconds(race, case, name) for name in names)] for case in WORDS]
    )
    lines += ["", f"{own} as a share of each, median of the ratios of pairs (least – most):", ""]
    lines += markdown_table(
        ["", *peers], [[WORDS[case], *(_share(race, case, own, p) for p in peers)] for case in WORDS]
    )
    lines += ["", "Bytes that the registry sent to the machine, and by which it grew:", ""]
    cached = [case for case in WORDS if case != NONE]  # what is sent to a registry that has it cannot be told apart
    lines += markdown_table(
        ["", *names], [[WORDS[case], *(_bytes(race, case, name) for name in names)] for case in cached]
    )
    return "\n".join(lines) + "\n"


def _seconds(race: Race, case: str, name: str) -> str:
    found = [one.seconds for one in race.samples if (one.case, one.side) == (case, name)]
    return f"{median(found):.2f} ({min(found):.2f} – {max(found):.2f})"


def _share(race: Race, case: str, own: str, peer: str) -> str:
    found = ratios(race.samples, case, own, peer)
    goal = "" if case == NONE else f"; goal ≤ {GOAL}: {'met' if median(found) <= GOAL else '**missed**'}"
    return f"{spread(found)}{goal}"


def _bytes(race: Race, case: str, name: str) -> str:
    pushed = [one.pushed or 0 for one in race.samples if (one.case, one.side) == (case, name)]
    return f"{_size(median(race.fetched[case, name]))}, {_size(median(pushed))}"


def _size(number: float) -> str:
    return f"{number / 1e6:.1f} MB" if number >= 1e6 else f"{number / 1e3:.1f} kB"
