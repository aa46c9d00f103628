"""The third phase: a plan carried out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

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


def test_every_kind_of_a_plan_has_a_recipe() -> None:
    assert set(RECIPES) == set(get_args(Kind))
