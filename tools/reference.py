"""Make the pages of docs/ that are generated from code (``make docs``)."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.bad_input.page import exit_statuses  # noqa: E402
from tests.e2e.contract.checklist import faults  # noqa: E402
from tests.e2e.contract.clauses import contract_tests  # noqa: E402
from tools import commands, decisions, messages  # noqa: E402

PAGES = {
    "docs/decisions/README.md": decisions.page,
    "docs/development/contract-tests.md": contract_tests,
    "docs/development/faults.md": faults,
    "docs/reference/commands.md": commands.page,
    "docs/reference/exit-statuses.md": exit_statuses,
    "docs/reference/messages.md": messages.page,
}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
