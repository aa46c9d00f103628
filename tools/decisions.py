"""Index the decision notes with their status: docs/decisions/README.md.

A note begins with ``# NUMBER. TITLE``. A line ``Superseded by [N](…)`` or ``Amended by [N](…)`` gives its status; a
note without one is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "decisions"

_HEAD = """\
# Decisions

One note for each choice that somebody will ask about: the context, the choice, and its cost. When a choice changes, a
new note supersedes or amends the old one; the old one stays. `make docs` generates this index.

| number | decision | status |
| --- | --- | --- |
"""
_TITLE = re.compile(r"# (\d+)\. (.+)\n")
_STATUS = re.compile(r"^(Superseded|Amended) by (\[\d+\]\([\w-]+\.md\)(?: and \[\d+\]\([\w-]+\.md\))*)", re.MULTILINE)


def notes() -> Iterator[tuple[Path, int, str, str]]:
    """Each note's path, number, title and status, by number."""
    for path in sorted(FOLDER.glob("[0-9]*.md")):
        text = path.read_text(encoding="utf-8")
        title = _TITLE.match(text)
        if title is None:
            raise ValueError(f"{path.name}: begin it with '# NUMBER. TITLE'")
        status = _STATUS.search(text)
        words = f"{status[1].lower()} by {status[2]}" if status else "accepted"
        yield path, int(title[1]), title[2], words


def page() -> str:
    """The page."""
    return _HEAD + "".join(
        f"| {number} | [{title}]({path.name}) | {status} |\n" for path, number, title, status in notes()
    )
