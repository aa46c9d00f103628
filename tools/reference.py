"""Makes the pages of docs/reference that are made from code (``make docs``)."""

from __future__ import annotations

from pathlib import Path

from grocker import errors

ROOT = Path(__file__).resolve().parents[1]

_EXIT_STATUSES = """\
# Exit statuses

What `grocker` ends with; made from `src/grocker/errors.py` by `make docs`. Whatever is not 0 comes with a line on
standard error that says what failed and where, and mostly with a second one, `hint:`, that says what to do. A script
may try again after 69 and 75; nothing else gets better by waiting. The statuses of a container are the
[contract's](image-contract.md), X5.

| status | meaning |
| --- | --- |
"""


def exit_statuses() -> str:
    """The page of exit statuses, from the tree of errors."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GrockerError)]
    meanings = {kind.status: kind.meaning for kind in kinds if kind is not errors.GrockerError}
    rows = [(0, "done"), *sorted(meanings.items()), (130, "interrupted (Ctrl-C, TERM)")]
    return _EXIT_STATUSES + "".join(f"| {status} | {meaning} |\n" for status, meaning in rows)


PAGES = {"docs/reference/exit-statuses.md": exit_statuses}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
