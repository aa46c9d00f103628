"""What comparing one set of packages found, and the page that lists it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tools.packages.compare import is_number, shorten
from tools.packages.explanations import EXPLANATIONS, explain

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Case:
    """A line of ``cases.tsv``."""

    packages: tuple[str, ...]
    uid: int
    script: str


@dataclass(frozen=True)
class Result:
    """What one case showed."""

    case: Case
    works: str
    """``yes``, else what the script said last"""
    warned: tuple[str, ...]
    """packages of which the build warned"""
    scripts_ran: bool
    static: str
    """as ``works``, in an image built with ``configure = "static"``; empty if no script had to run"""
    static_warned: tuple[str, ...]
    found: tuple[str, ...]
    """differences"""
    commit: str
    date: str

    @property
    def does_its_work(self) -> bool:
        """Whether the script succeeded, or fails with apt too."""
        return self.works == "yes" or self.works.startswith(AS_APT)


AS_APT = "as with apt: "
"""begins what is said of a script that fails in both roots"""


def keep(path: Path, result: Result) -> Result:
    """Write a result, for ``load``."""
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(result))
    part.rename(path)
    return result


def load(path: Path) -> Result:
    """Read a result."""
    return msgspec.json.decode(path.read_bytes(), type=Result)


def describe_commit() -> str:
    """Return the commit of this tool and of the Grocker that it builds with."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=8", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def today() -> str:
    """Return the date."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def row(one: Result) -> str:
    """Return a line of the table."""
    cells = (
        " ".join(one.case.packages) or "–",
        one.works,
        ", ".join(one.warned) or "–",
        _static(one),
        _differences(one) or "–",
        one.commit,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _differences(one: Result) -> str:
    others = [found for found in one.found if not is_number(found)]
    numbers = len(one.found) - len(others)
    return "; ".join((*filter(None, [shorten(others)]), *([f"numbers of accounts ({numbers})"] if numbers else [])))


def _static(one: Result) -> str:
    if not one.scripts_ran:
        return "–"
    words = "but warns" if one.static == "yes" else "and warns"
    return f"{one.static}, {words}" if one.static_warned else one.static


def page(tried: list[Result], usual: Result, suite: str) -> str:
    """Return the page's part about a suite."""
    results = [one for one in tried if not one.works.startswith(AS_APT)]
    refused = len(tried) - len(results)
    ran = [one for one in results if one.scripts_ran]
    static = [one for one in ran if one.static == "yes"]
    same = [one for one in results if all(map(is_number, one.found))]
    figures = (
        ("do their work", sum(one.does_its_work for one in results)),
        ("have apt's files, modes, owners, accounts, alternatives and caches", len(same)),
        ("and the same numbers of accounts", sum(not one.found for one in results)),
        ("differ, and the reason is below", sum(not _unexplained(one) for one in results) - len(same)),
        ("differ without a reason", sum(bool(_unexplained(one)) for one in results)),
        ("warn although they work", sum(bool(one.warned) and one.does_its_work for one in results)),
        ("do not work, without a warning", sum(not (one.warned or one.does_its_work) for one in results)),
        ("need no sandbox", len(results) - len(ran)),
        ("work without one as well", len(results) - len(ran) + len(static)),
    )
    count = len(results)
    lines = [f"| {what} | {number} | {100 * number / count:.0f} % |" for what, number in figures]
    seen = {reason for one in results for reason in map(explain, one.found) if reason}
    patterns = {one: one.pattern.pattern.replace("|", "\\|") for one in EXPLANATIONS}
    reasons = [f"| `{patterns[one]}` | {one.reason} |" for one in EXPLANATIONS if one in seen]
    broken = [f"`{' '.join(one.case.packages)}`" for one in ran if one.static.startswith("NO")]
    dates = sorted({one.date for one in results})
    return "\n".join(
        (
            f"## Debian {suite}, amd64",
            "",
            f"{' to '.join(dict.fromkeys((dates[0], dates[-1])))}. The last column has the commit of each measurement.",
            "",
            f"| of {count} sets of packages | number | share |",
            "| --- | --- | --- |",
            *lines,
            "",
            *((f"{refused} more cannot be installed with apt either, or fail there too.", "") if refused else ()),
            *((f"Without a sandbox these do not do their work: {', '.join(broken)}.", "") if broken else ()),
            "Every image differs from apt's root in these, which are not repeated: " + "; ".join(usual.found) + ".",
            "",
            *(("| difference | why |", "| --- | --- |", *reasons, "") if reasons else ()),
            "| packages | works | warned | without a sandbox | differences, and how many | commit |",
            "| --- | --- | --- | --- | --- | --- |",
            *map(row, tried),
            "",
        )
    )


def _unexplained(one: Result) -> list[str]:
    return [found for found in one.found if not is_number(found) and explain(found) is None]
