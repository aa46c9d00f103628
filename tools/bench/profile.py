"""Where Grocker's time goes: builds of the cases that are worth it, with a look at all threads every millisecond."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from tools.bench.project import Project
from tools.bench.rounds import COLD_PUSH, DEPENDENCY, PUSH
from tools.bench.sides import Grocker

_SAMPLED = Path(__file__).with_name("sampled.py")
_START = "start of Python"
_LEAST = 0.02
"""share of a build's time from which a room has a row"""
_WORDS = {
    _START: _START,
    "imports": "imports",
    "waits": "waiting for other processes, the disk, the registry",
    "other": "the rest",
}


@dataclass(frozen=True, slots=True)
class Profile:
    """One build."""

    case: str
    side: str
    seconds: float
    """wall time of the whole process"""
    doing: Mapping[str, float]
    """seconds of it, by what was done"""


def profile(
    sides: Sequence[Grocker], project: Project, place: Path, repeats: int, say: Callable[[str], None]
) -> list[Profile]:
    """Build each side ``repeats`` times in each case. ``place``: an existing directory."""
    found = []
    for side in sides:
        program, samples = place / "sampled", place / "samples.json"
        program.write_text(f"#!{side.program.with_name('python')}\n{_SAMPLED.read_text('utf-8')}", "utf-8")
        program.chmod(0o755)
        sampled = replace(side, program=program, environ={**side.environ, "BENCH_SAMPLES": str(samples)})
        for number in range(repeats):
            project.reset()
            side.forget()
            repository = f"{side.repository}-profile-{number}"
            for case in (COLD_PUSH, PUSH, DEPENDENCY):
                if case == PUSH:
                    project.change_line(-number)
                elif case == DEPENDENCY:
                    project.add_dependency()
                began = time.time()
                sampled.push(project.directory, repository)
                seconds = time.time() - began
                seen = json.loads(samples.read_bytes())
                doing = {_START: seen["began"] - began, **seen["doing"]}
                found.append(Profile(case, side.name, seconds, doing))
        say(f"{side.name}: profiled")
    project.reset()
    return found


def rows(profiles: Sequence[Profile], columns: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Make the table's rows; ``columns``: cases and sides."""
    builds = [[one for one in profiles if (one.case, one.side) == column] for column in columns]
    totals = [median(one.seconds for one in some) for some in builds]
    names = {name for one in profiles for name in one.doing if name != "other"}
    shares = {name: _shares(name, builds, totals) for name in sorted(names)}
    shown = [name for name, found in shares.items() if max(found) >= _LEAST]
    ordered = sorted(shown, key=lambda name: -sum(shares[name]))
    rest = [1 - sum(shares[name][column] for name in ordered) for column in range(len(columns))]
    lines = [[_WORDS.get(name, f"`{name}`"), *(f"{100 * share:.0f} %" for share in shares[name])] for name in ordered]
    lines.append([_WORDS["other"], *(f"{100 * max(0.0, share):.0f} %" for share in rest)])
    return [["seconds", *(f"{total:.2f}" for total in totals)], *lines]


def _shares(name: str, builds: Sequence[Sequence[Profile]], totals: Sequence[float]) -> list[float]:
    return [
        median(one.doing.get(name, 0.0) for one in some) / total for some, total in zip(builds, totals, strict=True)
    ]
