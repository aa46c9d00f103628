"""A whole made-up world for each attack, and one that is built once for attacks that change little."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import World, world


@pytest.fixture
def made_up(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path / "world") as made:
        yield made
