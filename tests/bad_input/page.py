"""docs/reference/exit-statuses.md, from the tree of errors and the table of bad input.

``python -m tests.bad_input.page`` writes it.
"""

from __future__ import annotations

from grocker.errors import GrockerError
from tests.architecture.source import ROOT
from tests.bad_input.cases import CASES, Case

PAGE = ROOT / "docs" / "reference" / "exit-statuses.md"

_HEAD = """\
# Exit statuses

What `grocker` ends with. Whatever is not 0 comes with a line on standard error that says what failed and where, and
mostly with a second one, `hint:`, that says what to do. A script may try again after 69 and 75; nothing else gets
better by waiting. The statuses of a container are the [contract's](image-contract.md), X5.

| status | meaning |
| --- | --- |
"""
_MIDDLE = """
## What leads to them

Each line is a test (`tests/bad_input/cases.py`, which this page is made from): the real command line ends with that
status, says these words, and leaves nothing half-written behind, neither in the cache nor where the image was to go.

| status | what is wrong | what the error says, among other things |
| --- | --- | --- |
"""


def exit_statuses() -> str:
    """The page."""
    meanings = {
        kind.status: kind.meaning for kind in GrockerError.__subclasses__() if kind.__module__ == "grocker.errors"
    }
    rows = [(0, "done"), *sorted(meanings.items()), (130, "interrupted (Ctrl-C, TERM)")]
    statuses = "".join(f"| {status} | {meaning} |\n" for status, meaning in rows)
    cases = "".join(_row(case) for case in sorted(CASES, key=lambda case: case.status))
    return _HEAD + statuses + _MIDDLE + cases


def _row(case: Case) -> str:
    words = " … ".join(case.words).replace("|", "\\|")
    return f"| {case.status} | {case.what} | `{words}` |\n"


if __name__ == "__main__":
    PAGE.write_text(exit_statuses(), "utf-8")
