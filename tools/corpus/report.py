"""The page on which the results of a corpus stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from tools.corpus.applications import Application
from tools.corpus.trial import Outcome, Result

_BEGIN, _END = "<!-- results: written by make corpus -->", "<!-- end of results -->"
_LONGEST = 160


def render(lists: Mapping[str, Sequence[tuple[Application, Result]]], about: Mapping[str, str]) -> str:
    """Return the tables in Markdown, one for each list of applications."""
    lines = [*(f"- {name}: {value}" for name, value in about.items()), ""]
    for title, pairs in lists.items():
        counts = Counter(result.outcome for _, result in pairs)
        shown = ", ".join(f"{counts[one]} {one}" for one in Outcome if counts[one])
        lines += [f"## {title}", "", f"{len(pairs)} tried: {shown}.", ""]
        lines += ["| application | outcome | why |", "| --- | --- | --- |"]
        lines += [f"| {_source(one)} | {result.outcome} | {_cell(result.detail)} |" for one, result in pairs]
        lines.append("")
    return "\n".join(lines)


def insert(page: str, figures: str) -> str:
    """Return ``page`` with its results replaced."""
    head, begin, rest = page.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        raise ValueError("the page has no place for results")
    return f"{head}{begin}\n\n{figures.strip()}\n\n{end}{tail}"


def _source(application: Application) -> str:
    return f"{application.name} at {application.commit[:9]}" if application.commit else application.release


def _cell(text: str) -> str:
    short = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return short.replace("|", "\\|").replace("<", "&lt;")
