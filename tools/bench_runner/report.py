"""From rows to one table: medians with their spread, what is compared with each budget, and the verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from statistics import median

from tools.bench_runner.figures import Row, Verdict
from tools.bench_runner.lab import BARE, RUNNER, SUPERVISORD, TINI

BEGIN, END = "<!-- figures: written by make bench-runner -->", "<!-- end of figures -->"
SAMPLES = "All samples: [runner-benchmarks.json](runner-benchmarks.json)."
_COLUMNS = (RUNNER, BARE, TINI, SUPERVISORD)


def table(rows: Sequence[Row], about: Mapping[str, str]) -> str:
    """Markdown. A figure is a median, with the least and the most in parentheses where there were several."""
    lines = [f"- {name}: {text}" for name, text in about.items()]
    lines += ["", "Median (least – most):", ""]
    head = ["", *_COLUMNS, "others", "budget", "verdict"]
    lines += ["| " + " | ".join(head) + " |", "| --- |" + " --: |" * len(_COLUMNS) + " --- | --- | --- |"]
    for row in rows:
        name = f"{row.name}, {row.unit}" if row.unit else row.name
        cells = [name, *(spread(row.samples.get(side, ())) for side in _COLUMNS)]
        cells.append("; ".join(f"{side}: {spread(s)}" for side, s in row.samples.items() if side not in _COLUMNS))
        cells.append("<br>".join(_budget(verdict) for verdict in row.verdicts))
        cells.append("<br>".join("kept" if verdict.met else "**missed**" for verdict in row.verdicts))
        lines.append("| " + " | ".join(cells) + " |")
    notes = [(row.name, note) for row in rows for note in row.notes]
    if notes:
        lines += ["", *(f"- {name}: {note}" for name, note in notes)]
    return "\n".join(lines) + "\n"


def spread(samples: Sequence[float]) -> str:
    """``12.3 (11.9 – 14.0)``."""
    if not samples:
        return ""
    if len(samples) == 1:
        return number(samples[0])
    return f"{number(median(samples))} ({number(min(samples))} – {number(max(samples))})"


def number(value: float) -> str:
    """Three digits, and never an exponent."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 4}f}"


def _budget(verdict: Verdict) -> str:
    share = number(verdict.figure) if verdict.worst else spread(verdict.share)
    return f"{verdict.words.format(share)}, {'≥' if verdict.least else '≤'} {number(verdict.bound)}"


def insert(page: str, figures: str) -> str:
    """``page`` with ``figures`` between its two marks. Raises ValueError when they are not there."""
    changed, count = re.subn(
        f"{re.escape(BEGIN)}.*?{re.escape(END)}",
        lambda _: f"{BEGIN}\n\n{figures}\n{SAMPLES}\n\n{END}",
        page,
        flags=re.DOTALL,
    )
    if count != 1:
        raise ValueError(f"the page has no place for the figures: {BEGIN} … {END}")
    return changed


def plain(rows: Sequence[Row], about: Mapping[str, str]) -> str:
    """All samples as JSON, a side a line."""
    samples = [
        {"row": row.name, "unit": row.unit, "side": side, "samples": [round(value, 4) for value in found]}
        for row in rows
        for side, found in row.samples.items()
    ]
    body = ",\n  ".join(json.dumps(one, ensure_ascii=False) for one in samples)
    return f'{{\n "about": {json.dumps(about, ensure_ascii=False)},\n "samples": [\n  {body}\n ]\n}}\n'
