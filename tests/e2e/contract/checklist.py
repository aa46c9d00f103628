"""What can happen to a container, by number, and what shows what becomes of it: docs/development/faults.md.

A test that shows item 15 is marked ``fault(number=15)``, wherever it lies, and is found by reading the tests' sources.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "development" / "faults.md"
TESTS = ROOT / "tests"

_HEADING = "\n## The tests\n"
_LIST = f"""{_HEADING}
| no. | shows | in |
| --- | --- | --- |
"""


@dataclass(frozen=True, slots=True, order=True)
class Shown:
    """A test function and a fault that it shows."""

    number: int
    path: str
    name: str

    @property
    def words(self) -> str:
        """The test's name without its prefix, as words."""
        return re.sub(r"^test_(fault_\d\d_|[A-Z]\d+_)?", "", self.name).replace("_", " ")


def items() -> list[int]:
    """Return the faults' numbers, in the page's order."""
    return [int(number) for number in re.findall(r"^\| (\d+) \|", _written(), re.MULTILINE)]


def _written() -> str:
    """Return the handwritten part of the page."""
    return PAGE.read_text("utf-8").partition(_HEADING)[0]


def shown() -> list[Shown]:
    """Return all marked tests."""
    return sorted(one for path in TESTS.rglob("test_*.py") for one in _of_file(path))


def _of_file(path: Path) -> Iterator[Shown]:
    text = path.read_text("utf-8")
    if "mark.fault(" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault":
                number = ast.literal_eval(mark.keywords[0].value)
                yield Shown(number, str(path.relative_to(ROOT)), node.name)


def faults() -> str:
    """Return the page: its handwritten part and the list of tests."""
    tests = [f"| {one.number} | {one.words} | `{one.path}` |\n" for one in shown()]
    return _written() + _LIST + "".join(tests)
