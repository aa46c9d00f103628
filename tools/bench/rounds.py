"""The rounds: every case on every side in turn, so that what the machine does besides meets all of them alike."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from tools.bench.engine import Engine
from tools.bench.project import Project
from tools.bench.registry import Registry
from tools.bench.sides import Grocker, Side

COLD, COLD_PUSH, UNCHANGED, LINE, PUSH, DEPENDENCY = "cold", "cold-push", "unchanged", "line", "push", "dependency"
CASES = (COLD, COLD_PUSH, UNCHANGED, LINE, PUSH, DEPENDENCY)


@dataclass(frozen=True, slots=True)
class Sample:
    """One build."""

    case: str
    side: str
    round: int
    turn: int
    """within the round: builds of the same round and turn are a pair"""
    seconds: float
    """wall time of the whole process, or processes"""
    processor: float
    """seconds of processor time, of these processes and of the engine: other work on the machine changes it little"""
    pushed: int | None
    """bytes by which the registry grew, where something was pushed (not timed, unless the case is ``push``)"""


@dataclass(frozen=True, slots=True)
class Size:
    """What an image weighs."""

    side: str
    compressed: int
    """bytes: its layers in the registry"""
    engine: int
    """bytes in the engine's store, as it counts"""
    dependency: int
    """bytes that were pushed when one dependency was added, to a registry that had never seen it"""
    zstd: int | None = None
    """as ``compressed``, where layers can be compressed by zstd"""


@dataclass(slots=True)
class Bench:
    """One run of it."""

    sides: Sequence[Side]
    project: Project
    engine: Engine
    registry: Registry
    say: Callable[[str], None]
    samples: list[Sample] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    logs: list[tuple[str, str, str]] = field(default_factory=list)
    """case, side, and what the build said"""
    _edits: int = 0

    def run(self, rounds: int, repeats: int) -> None:
        """All of it: a round that is not counted, in which files are fetched and the images proven, then ``rounds``.

        ``repeats``: how often in a round the quick cases are timed.
        """
        self.say("a round to warm up: files are fetched, images are run")
        self._round(0, 1)
        self._prove()
        self.samples.clear()
        self.logs.clear()
        for number in range(1, rounds + 1):
            began = time.monotonic()
            self._round(number, repeats)
            self.say(f"round {number} of {rounds}: {time.monotonic() - began:.0f} s")

    def _round(self, number: int, repeats: int) -> None:
        # Whoever is first once is last another time.
        first = number % len(self.sides)
        sides = [*self.sides[first:], *self.sides[:first]]
        self.project.reset()
        for side in sides:
            side.forget()
            self._time(COLD, side, number, 0, side.build)
        for side in sides:
            side.forget()
            # A repository that has nothing: what the one before holds would not be sent again.
            self._time(COLD_PUSH, side, number, 0, partial(side.push, repository=f"{side.repository}-{number}"))
        for side in sides:
            # The next side's cold start took this one's image away.
            side.build(self.project.directory)
        for turn in range(repeats):
            for side in sides:
                self._time(UNCHANGED, side, number, turn, side.build)
        for turn in range(repeats):
            self._edit()
            for side in sides:
                self._time(LINE, side, number, turn, side.build)
        for side in sides:
            self._push(side)
        for turn in range(repeats):
            self._edit()
            for side in sides:
                self._time(PUSH, side, number, turn, partial(side.push, repository=side.repository))
        self.project.add_dependency()
        for side in sides:
            self._time(DEPENDENCY, side, number, 0, side.build)

    def _edit(self) -> None:
        self._edits += 1
        self.project.change_line(self._edits)

    def _time(self, case: str, side: Side, number: int, turn: int, build: Callable[..., str]) -> None:
        # What one side left to be written is not written on another's time.
        os.sync()
        held, used = self.registry.held(), self._processor()
        began = time.perf_counter()
        said = build(self.project.directory)
        seconds = time.perf_counter() - began
        used = self._processor() - used
        if case == DEPENDENCY:
            self._push(side)
        pushed = self.registry.held() - held if case in (PUSH, DEPENDENCY) else None
        self.samples.append(Sample(case, side.name, number, turn, round(seconds, 4), round(used, 2), pushed))
        self.logs.append((case, side.name, said))

    def _push(self, side: Side) -> None:
        side.push(self.project.directory, side.repository)

    def _processor(self) -> float:
        ours = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ours.ru_utime + ours.ru_stime + self.engine.processor()

    def _prove(self) -> None:
        """Every image serves the site as it was edited last; what each weighs."""
        for side in self.sides:
            self._edit()
            side.build(self.project.directory)
            side.serve(f"ok {self._edits}")
            self._push(side)
            self.sizes.append(
                Size(
                    side.name,
                    self.registry.compressed(side.repository, "1"),
                    self.engine.size(side.tag),
                    next(s.pushed or 0 for s in self.samples if (s.case, s.side) == (DEPENDENCY, side.name)),
                    side.weigh_zstd(self.project.directory) if isinstance(side, Grocker) else None,
                )
            )
            self.say(f"{side.name}: the image serves the site")
