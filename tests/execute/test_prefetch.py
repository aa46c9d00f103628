"""What is begun while resolving still runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.context import Context
from grocker.execute.prefetch import Prefetch
from grocker.layers.workers import Workers, workers
from grocker.lock.answers import DebianAnswer
from grocker.platforms.target import select_target
from grocker.progress import Silent
from grocker.store import Store
from grocker.web import Transport

HOST = select_target("trixie", "linux/amd64")
ANSWER = DebianAnswer(0.0, (), {})


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[tuple[Context, Workers]]:
    with Store.open(tmp_path) as store, Transport(environ={}) as transport, workers() as pools:
        yield Context(store, transport, Silent(), {}, 0.0), pools


def test_jobs_are_begun_at_once(tools: tuple[Context, Workers]) -> None:
    done = threading.Event()
    with Prefetch(*tools, epoch=0, meanwhile=[done.set]):
        assert done.wait(60)


def test_packages_that_were_begun_are_handed_over_once(tools: tuple[Context, Workers]) -> None:
    with Prefetch(*tools, epoch=0) as prefetch:
        prefetch.debian_resolved(ANSWER, HOST)
        begun = prefetch.take_packages(ANSWER)
        assert prefetch.take_packages(ANSWER) is not begun


def test_no_interpreter_is_started_when_none_is_unpacked(tools: tuple[Context, Workers]) -> None:
    with Prefetch(*tools, epoch=0) as prefetch:
        prefetch.interpreter_resolved(ANSWER, HOST)
        tools[1].processors.shutdown(wait=True)
        assert prefetch.take_compiler("0" * 64) is None
