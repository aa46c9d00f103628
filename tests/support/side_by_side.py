"""Share a directory, expensive work and the machine between the processes of one test run.

It works the same without pytest-xdist, in one process.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_PLACE = "GROCKER_TEST_SHARED"


def begin() -> Callable[[], None]:
    """Make the shared directory, in the process that starts the others; return a function that removes it."""
    place = Path(tempfile.mkdtemp(prefix="grocker-run-"))
    os.environ[_PLACE] = str(place)

    def end() -> None:
        os.environ.pop(_PLACE, None)
        shutil.rmtree(place, ignore_errors=True)

    return end


def directory() -> Path:
    """Return the directory that all processes of this run share. It is removed at the end of the run."""
    return Path(os.environ[_PLACE])


def once(name: str, make: Callable[[], str]) -> str:
    """Call ``make`` once a run for each ``name``, and return its result in every process, or fail in every process."""
    kept, failed = directory() / name, directory() / f"{name}.failed"
    with _locked(directory() / f"{name}.lock", fcntl.LOCK_EX):
        if failed.exists():
            pytest.fail(f"{name} failed before in this run: {failed.read_text()}", pytrace=False)
        if not kept.exists():
            try:
                made = make()
            except BaseException as error:
                failed.write_text(str(error))
                raise
            kept.write_text(made)
        return kept.read_text()


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """Take a turn on the machine, beside other tests or ``alone``: then wait until no other test runs."""
    with _locked(directory() / "turn", fcntl.LOCK_EX if alone else fcntl.LOCK_SH):
        yield


@contextmanager
def processes_of_nobody(*, alone: bool) -> Iterator[None]:
    """Build in a chroot, beside other tests or ``alone``: the kernel counts the processes of all such builds together.

    Their uid is nobody's. The ``xdist_group`` "nobody" is not enough: other workers build in a chroot, too.
    """
    with _locked(directory() / "nobody", fcntl.LOCK_EX if alone else fcntl.LOCK_SH):
        yield


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    with path.open("a+") as file:
        # Not flock: a process that a test forks and leaves behind would keep the lock.
        fcntl.lockf(file, kind)
        yield


def arrange(items: list[pytest.Item]) -> None:
    """Keep tests that share a fixture together; put those that take longest first, those that run alone last.

    A group is run by one worker: the tests of a module that share a fixture of it, or those that ``xdist_group`` names.
    Any other test goes to whichever worker is free. Those that wait for containers lie evenly between those that keep
    a processor busy.
    """
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(_group(item), []).append(item)
    queues: dict[bool, list[list[pytest.Item]]] = {}
    for group in sorted(groups.values(), key=_place):
        queues.setdefault(_waits(group), []).append(group)
    mixed = [(place / len(queue), group) for queue in queues.values() for place, group in enumerate(queue)]
    ordered = sorted(mixed, key=lambda one: (_is_alone(one[1]), one[0]))
    items[:] = [item for _, group in ordered for item in group]
    once("groups", lambda: json.dumps({item.nodeid: name for name, group in groups.items() for item in group}))


def scheduler(config: pytest.Config, log: object) -> object:
    """Return the scheduler that hands out the groups in the order of ``arrange``; None for pytest-xdist's own."""
    from xdist.scheduler import LoadScopeScheduling

    if config.getvalue("dist") != "load":
        return None
    config.option.loadscopereorder = False
    made = LoadScopeScheduling(config, log)
    # Its own ``loadgroup`` appends the group to the test's name, which neither pytest 9.2 nor --last-failed follows.
    made._split_scope = _Groups().__getitem__
    return made


class _Groups(dict[str, str]):
    """Maps each test to its group; read on first use, when the workers have collected the tests."""

    def __missing__(self, test: str) -> str:
        self.update(json.loads((directory() / "groups").read_text()))
        return self.get(test, test)


def _group(item: pytest.Item) -> str:
    named = item.get_closest_marker("xdist_group")
    if named is not None:
        return str(named.args[0])
    return item.nodeid.partition("::")[0] if _shares(item) else item.nodeid


def _shares(item: pytest.Item) -> bool:
    known = getattr(item, "_fixtureinfo", None)
    definitions: Sequence[Sequence[pytest.FixtureDef[object]]] = list(known.name2fixturedefs.values()) if known else []
    return any(one.scope in ("class", "module", "package") for found in definitions for one in found)


def _place(group: Sequence[pytest.Item]) -> float:
    marks = [mark for item in group if (mark := item.get_closest_marker("long"))]
    return -max((float(mark.args[0]) for mark in marks), default=0.0)


def _is_alone(group: Sequence[pytest.Item]) -> bool:
    return any(item.get_closest_marker("alone") for item in group)


def _waits(group: Sequence[pytest.Item]) -> bool:
    return all(item.get_closest_marker("docker") or item.get_closest_marker("podman") for item in group)
