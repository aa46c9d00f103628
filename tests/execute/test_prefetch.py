"""What is begun while resolving still runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.context import Context
from grocker.execute.prefetch import Prefetch
from grocker.layers.workers import Workers, workers
from grocker.lock.answers import DebianAnswer
from grocker.plan.layers import interpreter_key
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


def test_interpreter_is_not_started_when_the_build_is_over(tools: tuple[Context, Workers], tmp_path: Path) -> None:
    context, pools = tools
    with context.store.new_tree(interpreter_key(ANSWER.packages)) as tree:
        loader = tree / "usr/lib64/ld-linux-x86-64.so.2"
        loader.parent.mkdir(parents=True)
        loader.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
        loader.chmod(0o755)
    with Prefetch(context, pools, epoch=0) as prefetch:
        pass
    prefetch.interpreter_resolved(ANSWER, HOST)
    pools.processors.shutdown(wait=True)
    assert not (tmp_path / "started").exists()


def test_interpreter_is_fetched_from_elsewhere_when_a_back_end_runs(tools: tuple[Context, Workers]) -> None:
    context, pools = tools
    asked = threading.Event()

    class Elsewhere(Store):
        def tree(self, key: str) -> Path | None:
            asked.set()
            return None

    with Elsewhere(context.store.root) as store, Prefetch(replace(context, store=store), pools, epoch=0) as prefetch:
        prefetch.interpreter_resolved(ANSWER, HOST)
        pools.processors.submit(lambda: None).result()
        assert not asked.is_set(), "an image of which nothing has to be compiled needs no interpreter"
        prefetch.backend_started()
        assert asked.wait(60)
