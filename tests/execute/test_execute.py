"""The third phase: a plan carried out."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from grocker.builder.planning import plan_image
from grocker.config.settings import Settings
from grocker.context import Context
from grocker.execute.execute import Execution, execute
from grocker.execute.prefetch import Prefetch
from grocker.layers.composition import FinishedLayer
from grocker.layers.configured import Scripts
from grocker.layers.recipes import RECIPES
from grocker.layers.workers import workers
from grocker.plan.layers import Kind
from grocker.store import Store
from grocker.store.writing import require
from tests.support.elf import library
from tests.support.phases import opened_world, request, resolved
from tests.support.wheels import make_wheel
from tests.support.world import World


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, Context]]:
    with opened_world(tmp_path / "world", monkeypatch) as both:
        yield both


def carry_out(made: World, context: Context, finished: list[FinishedLayer]) -> Execution:
    wanted = request(made, made.wheel)
    with workers() as pools, Prefetch(context, pools, epoch=wanted.epoch) as prefetch:
        [resolution] = resolved(context, wanted, subscriber=prefetch)
        plan = plan_image(context.store, wanted, Settings(), resolution, Scripts())
        return execute(context, pools, plan, resolution, prefetch, finished=finished.append, settings=Settings())


def paths_of(context: Context, finished: FinishedLayer) -> list[str]:
    """The paths of a layer's files."""
    with tarfile.open(require(context.store.blob(finished.layer.digest), "the layer")) as archive:
        return [one.name for one in archive if not one.isdir()]


def test_every_layer_is_made_bottom_first_and_kept(opened: tuple[World, Context]) -> None:
    made, context = opened
    made.require("alpha")
    make_wheel(made.index.directory, "alpha", files={"alpha/__init__.py": "x = 1\n"})
    finished: list[FinishedLayer] = []
    first = carry_out(made, context, finished)
    kinds = ["debian", "configured", "runner", "wheels", "environment", "application"]
    assert [layer.plan.kind for layer in finished] == kinds
    assert [layer.kind for layer in first.image.layers] == kinds
    assert all(layer.is_new for layer in first.layers)
    second = carry_out(made, context, [])
    assert not any(layer.is_new for layer in second.layers)
    assert second.image.digest == first.image.digest


def test_libraries_that_nothing_brings_are_named_by_wheel(opened: tuple[World, Context]) -> None:
    made, context = opened
    made.require("alpha")
    shared = library("libalpha.so", needed=["libmissing.so.1"])
    make_wheel(made.index.directory, "alpha", files={"alpha/__init__.py": "", "alpha/libalpha.so": shared})
    assert carry_out(made, context, []).missing_libraries == {"alpha 1.0": ("libmissing.so.1",)}


@pytest.mark.slow
def test_changed_line_of_a_large_application_leaves_its_data_and_the_other_parts_alone(
    opened: tuple[World, Context],
) -> None:
    made, context = opened
    modules = {f"demo/p{one}/m{two}.py": f"x = {two}\n" for one in range(20) for two in range(100)}
    files: dict[str, str | bytes] = {"demo/__init__.py": "", "demo/model.bin": bytes(9 << 20), **modules}
    files |= {"demo/p3/wrong.py": "def", "demo/p17/wrong.py": "class"}
    make_wheel(made.wheel.parent, files=files)
    first = carry_out(made, context, [])
    assert [layer.kind for layer in first.image.layers[-3:]] == ["environment", "data", "application"]
    assert {path.rpartition("demo/")[2] for path in first.uncompiled} == {"p3/wrong.py", "p17/wrong.py"}
    make_wheel(made.wheel.parent, files={**files, "demo/p7/m7.py": "x = 8\n"})
    second = carry_out(made, context, [])
    assert [layer.plan.kind for layer in second.layers if layer.is_new] == ["application"]
    before, after = ({key for key, _, _ in one.layers[-1].layer.members} for one in (first, second))
    # The wheel's RECORD lies in another directory.
    assert len(before) == len(after) > 2
    assert len(after - before) <= 2
    assert second.uncompiled == first.uncompiled

    listed = [paths_of(context, layer) for layer in second.layers]
    own = [path for paths in listed for path in paths if "/demo" in path and "__pycache__" not in path]
    assert len(own) == len(set(own))
    assert {path.rpartition("site-packages/")[2] for path in own} >= {*files}
    assert [path.rpartition("/")[2] for path in listed[-2]] == ["model.bin"]
    with Store.open(made.place / "empty") as store:
        anew = carry_out(made, replace(context, store=store), [])
    assert anew.image.digest == second.image.digest


def test_every_kind_of_a_plan_has_a_recipe() -> None:
    assert set(RECIPES) == set(get_args(Kind))
