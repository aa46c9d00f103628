"""From samples to the tables: medians, ratios of pairs, their spread."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from statistics import median

from tools.bench.profile import Profile, rows
from tools.bench.rounds import CASES, COLD, COLD_PUSH, DEPENDENCY, LINE, PUSH, UNCHANGED, Sample, Size
from tools.bench.sides import COPYING, INSTALLING, PYOCI

WORDS = {
    COLD: "cold, downloads kept",
    COLD_PUSH: "cold, downloads kept, and pushed",
    UNCHANGED: "nothing changed",
    LINE: "one line changed",
    PUSH: "one line changed, and pushed",
    DEPENDENCY: "one dependency added",
}
PROFILED = {COLD_PUSH: "cold", PUSH: "one line", DEPENDENCY: "one dependency"}
OWN = "Grocker"
"""what the names of our sides begin with"""
_SIZE, _ZSTD = "size", "zstd"
_BOTH = ((COLD, 0.7), (COLD_PUSH, 0.3), (UNCHANGED, 1.5), (DEPENDENCY, 0.25), (_SIZE, 0.5), (_ZSTD, 0.42))
GOALS: Mapping[tuple[str, str], float] = {
    **{(case, peer): most for case, most in _BOTH for peer in (COPYING, INSTALLING)},
    (LINE, COPYING): 1.2,
    (PUSH, COPYING): 0.8,
    (PUSH, INSTALLING): 0.15,
    (DEPENDENCY, PYOCI): 0.7,
    (COLD_PUSH, PYOCI): 1.0,
}
"""the largest share that is allowed, by case and peer"""


@dataclass(frozen=True, slots=True)
class Marks:
    """Where figures are in the page."""

    begin: str
    end: str
    suffix: str
    """of the name of the file of samples"""


MARKS = Marks("<!-- figures: written by make bench -->", "<!-- end of figures -->", "")


def ratios(samples: Sequence[Sample], case: str, ours: str, theirs: str) -> list[float]:
    """Our time by theirs, for every pair of a case."""
    times = {(s.side, s.round, s.turn): s.seconds for s in samples if s.case == case}
    return [
        times[ours, number, turn] / times[theirs, number, turn] for side, number, turn in sorted(times) if side == ours
    ]


def tables(
    samples: Sequence[Sample], sizes: Sequence[Size], about: Mapping[str, str], profiles: Sequence[Profile]
) -> str:
    """Markdown: what was measured where, times, ratios and goals, bytes, what our time is spent on."""
    sides = [one.side for one in sizes]
    ours = [side for side in sides if side.startswith(OWN)]
    peers = [side for side in sides if side not in ours]
    lines = [f"- {name}: {text}" for name, text in about.items()]
    lines += ["", "Seconds, median (least – most):", ""]
    lines += markdown_table(
        ["", *sides],
        [[WORDS[case], *(_seconds(samples, case, side) for side in sides)] for case in CASES],
    )
    lines += ["", "Seconds of processor time, the engine's included, median:", ""]
    lines += markdown_table(
        ["", *sides],
        [[WORDS[case], *(_processor(samples, case, side) for side in sides)] for case in CASES],
    )
    weights = {one.side: one for one in sizes}
    for own in ours:
        lines += ["", f"{own} as a share of each, median of the ratios of pairs (least – most):", ""]
        lines += markdown_table(["", *peers], _shares(samples, weights, own, peers))
    lines += ["", "Bytes:", ""]
    lines += markdown_table(
        ["", *sides],
        [
            ["pushed after one line", *(_bytes(_pushed(samples, PUSH, side)) for side in sides)],
            ["pushed after one dependency", *(_bytes(weights[side].dependency) for side in sides)],
            ["image, compressed", *(_bytes(weights[side].compressed) for side in sides)],
            ["image, compressed by zstd", *(_bytes(weights[side].zstd) for side in sides)],
            ["image, in the engine", *(_bytes(weights[side].engine) for side in sides)],
        ],
    )
    columns = [(case, side) for side in ours for case in (COLD_PUSH, PUSH, DEPENDENCY)]
    heads = [f"{side.removeprefix(f'{OWN}, ')}: {PROFILED[case]}" for case, side in columns]
    lines += ["", "What Grocker's time is spent on, by its rooms, median; all of it pushed:", ""]
    lines += markdown_table(["", *heads], rows(profiles, columns))
    return "\n".join(lines) + "\n"


def _shares(samples: Sequence[Sample], weights: Mapping[str, Size], own: str, peers: Sequence[str]) -> list[list[str]]:
    rows = []
    for case in CASES:
        found = {peer: ratios(samples, case, own, peer) for peer in peers}
        aims = [_goal(median(found[peer]), GOALS.get((case, peer))) for peer in peers]
        rows.append([WORDS[case], *(f"{spread(found[p])}{aim}" for p, aim in zip(peers, aims, strict=True))])
    for word, kind, size in (
        ("compressed size", _SIZE, weights[own].compressed),
        ("compressed size, ours by zstd", _ZSTD, weights[own].zstd),
    ):
        if size is not None:
            shares = [(peer, size / weights[peer].compressed) for peer in peers]
            rows.append([word, *(f"{one:.2f} ×{_goal(one, GOALS.get((kind, peer)))}" for peer, one in shares)])
    return rows


def insert(page: str, figures: str, marks: Marks) -> str:
    """``page`` with ``figures`` between its two marks. Raises ValueError when they are not there."""
    file = f"benchmarks{marks.suffix}.json"
    changed, count = re.subn(
        f"{re.escape(marks.begin)}.*?{re.escape(marks.end)}",
        lambda _: f"{marks.begin}\n\n{figures}\nAll samples: [{file}]({file}).\n\n{marks.end}",
        page,
        flags=re.DOTALL,
    )
    if count != 1:
        raise ValueError(f"the page has no place for the figures: {marks.begin} … {marks.end}")
    return changed


def plain(samples: Sequence[Sample], sizes: Sequence[Size], about: Mapping[str, str]) -> str:
    """All of it as JSON, a sample a line."""
    rows = ",\n  ".join(json.dumps(astuple(one)) for one in samples)
    head = json.dumps(
        {"about": about, "sizes": [dict(zip(_names(Size), astuple(one), strict=True)) for one in sizes]}, indent=1
    )
    columns = json.dumps(_names(Sample))
    return f'{head[:-2]},\n "columns": {columns},\n "samples": [\n  {rows}\n ]\n}}\n'


def _names(kind: type[Sample | Size]) -> list[str]:
    return [field.name for field in fields(kind)]


def _goal(share: float, most: float | None) -> str:
    if most is None:
        return ""
    return f"; goal ≤ {most:g}: {'met' if share <= most else '**missed**'}"


def spread(found: Sequence[float]) -> str:
    """Write ratios: median, least and most."""
    return f"{median(found):.2f} × ({min(found):.2f} – {max(found):.2f})"


def _seconds(samples: Sequence[Sample], case: str, side: str) -> str:
    found = [s.seconds for s in samples if (s.case, s.side) == (case, side)]
    return f"{median(found):.2f} ({min(found):.2f} – {max(found):.2f})"


def _processor(samples: Sequence[Sample], case: str, side: str) -> str:
    return f"{median(s.processor for s in samples if (s.case, s.side) == (case, side)):.2f}"


def _pushed(samples: Sequence[Sample], case: str, side: str) -> int:
    return int(median(s.pushed for s in samples if (s.case, s.side) == (case, side) and s.pushed is not None))


def _bytes(number: int | None) -> str:
    if number is None:
        return "–"
    return f"{number / 1e6:.1f} MB" if number >= 1e6 else f"{number / 1e3:.1f} kB"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Write the lines of a table, numbers to the right."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]
