"""docs/reference/exit-statuses.md, from the tree of errors and the table of bad input.

``python -m tests.bad_input.page`` writes it.
"""

from __future__ import annotations

from grocker.errors import GrockerError
from tests.architecture.source import ROOT
from tests.bad_input.case import Case
from tests.bad_input.cases import CASES

PAGE = ROOT / "docs" / "reference" / "exit-statuses.md"

_HEAD = """\
# Exit statuses

What `grocker` exits with. Anything but 0 comes with a line `error:` on standard error that says what failed and where,
and usually a line `hint:` that says what to do. A script may retry after 69 and 75; no other status improves by
waiting. A container's statuses are [the runner's](runner.md#exit-statuses); the texts are in [messages](messages.md).

| status | meaning |
| --- | --- |
"""
_MIDDLE = """
## Causes

Each row is a test (`tests/bad_input/cases.py`, which this page is generated from). It runs the real command, checks the
status and the words, and checks that nothing half-written is left in the cache or at the output.

| status | cause | words in the error |
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
