"""A pytest plugin for tests that cannot be made certain: a failed test marked ``quarantine(reason)`` runs once more.

Nothing else has a second try. Each is appended to SECOND_TRIES, and the end of the run lists its own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from tests.support import side_by_side

SECOND_TRIES = Path("build") / "second-tries"
"""Below the root directory of the tests: a line for each second try of any run, the newest last."""
_SHARED = "second-tries"
_second = pytest.StashKey[bool]()


def is_second_try(item: pytest.Item) -> bool:
    return item.stash.get(_second, False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("quarantine"):
            if not mark.kwargs.get("reason"):
                raise pytest.UsageError(f"{item.nodeid}: quarantine needs a reason: quarantine(reason='...')")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    mark = item.get_closest_marker("quarantine")
    if mark is None or is_second_try(item):
        return None
    hook = item.ihook
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    if failed := [report for report in reports if report.failed]:
        _record(item, str(mark.kwargs["reason"]), failed[0])
        item.stash[_second] = True
        item._initrequest()  # type: ignore[attr-defined] # as pytest does before a first try
        # All of the protocol, so that pytest-timeout gives the second try a time of its own.
        hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
        return True
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _record(item: pytest.Item, reason: str, report: pytest.TestReport) -> None:
    crash = getattr(report.longrepr, "reprcrash", None)
    message = (crash.message if crash is not None else str(report.longrepr)).strip().splitlines() or [""]
    line = f"{item.nodeid}: {message[0]} (in quarantine: {reason})\n"
    with (side_by_side.directory() / _SHARED).open("a", encoding="utf-8") as file:
        file.write(line)
    path = item.config.rootpath / SECOND_TRIES
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    shared = side_by_side.directory() / _SHARED
    if shared.exists():
        for line in shared.read_text("utf-8").splitlines():
            terminalreporter.write_line(f"second try: {line}")
