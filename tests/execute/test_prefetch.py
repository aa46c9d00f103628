"""What is begun while resolving still runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker import python
from grocker.context import Context
from grocker.execute.prefetch import Prefetch
from grocker.layers.workers import Workers, workers
from grocker.lock.answers import DebianAnswer
from grocker.plan.layers import interpreter_key
from grocker.platforms.target import select_target
from grocker.progress import Silent
from grocker.python import InterpreterTree
from grocker.store import Store
from grocker.web import Transport
from tests.support.patience import PATIENCE

HOST = select_target("trixie", "linux/amd64")
ANSWER = DebianAnswer(0.0, (), {})


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[tuple[Context, Workers]]:
    with Store.open(tmp_path) as store, Transport(environ={}) as transport, workers() as pools:
        yield Context(store, transport, Silent(), {}, 0.0), pools


def test_jobs_are_begun_at_once(tools: tuple[Context, Workers]) -> None:
    done = threading.Event()
    with Prefetch(*tools, epoch=0, meanwhile=[done.set]):
        assert done.wait(PATIENCE)


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


@pytest.mark.parametrize("is_late", [False, True], ids=["taken", "over"])
def test_no_interpreter_is_started_that_nobody_would_end(
    tools: tuple[Context, Workers], monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    begun: list[object] = []

    class Compiler:
        def __init__(self, tree: object) -> None:
            pass

        def begin(self) -> None:
            begun.append(self)

        def close(self) -> None:
            begun.remove(self)

    monkeypatch.setattr(python, "Compiler", Compiler)
    context, pools = tools
    key = interpreter_key(ANSWER.packages)
    with context.store.new_tree(key) as tree:
        (tree / "python").touch()
    with Prefetch(context, pools, epoch=0) as prefetch:
        if not is_late:
            assert prefetch.take_compiler(key) is None
            prefetch.interpreter_resolved(ANSWER, HOST)
    if is_late:
        prefetch.interpreter_resolved(ANSWER, HOST)
    pools.processors.shutdown(wait=True)
    assert begun == []


def test_interpreter_of_the_last_build_is_started_at_once(
    tools: tuple[Context, Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And once, when resolving finds the same; the interpreter of another project is nobody's."""
    begun: list[object] = []
    has_begun = threading.Event()

    class Compiler:
        def __init__(self, tree: object) -> None:
            self.tree = tree

        def begin(self) -> None:
            begun.append(self.tree)
            has_begun.set()

        def close(self) -> None:
            pass

    monkeypatch.setattr(python, "Compiler", Compiler)
    context, pools = tools
    key = interpreter_key(ANSWER.packages)
    with context.store.new_tree(key) as tree:
        (tree / "python").touch()
    with Prefetch(context, pools, epoch=0, project="/shop") as prefetch:
        prefetch.interpreter_resolved(ANSWER, HOST)
    begun.clear()
    has_begun.clear()
    with (
        Prefetch(context, pools, epoch=0, project="/another"),
        Prefetch(context, pools, epoch=0, project="/shop") as one,
    ):
        assert has_begun.wait(PATIENCE)
        assert begun == [InterpreterTree(context.store.root / "trees" / key, "3.13", HOST.architecture)]
        one.interpreter_resolved(ANSWER, HOST)
        pools.processors.shutdown(wait=True)
        assert len(begun) == 1
        assert one.take_compiler(key) is not None


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
        assert asked.wait(PATIENCE)
