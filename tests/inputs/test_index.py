"""Wheels that lie in a directory of the host: for dependencies that no index has as wheels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bad_input.case import WHEEL
from tests.support.wheels import make_wheel
from tests.support.world import world

pytestmark = pytest.mark.slow


def test_dependency_is_taken_from_a_directory_of_wheels(tmp_path: Path) -> None:
    with world(tmp_path / "world") as made:
        made.require("own-thing")
        refused = made.run(WHEEL)
        assert refused.status == 66, refused.stderr
        wheels = made.place / "wheels"
        made.environ["UV_FIND_LINKS"] = str(wheels)
        files = {"own_thing/__init__.py": "x = 1\n"}
        make_wheel(wheels, name="own-thing", version="2.0", files=files)
        first = made.run(WHEEL)
        assert first.status == 0, first.stderr
        # Another file of that name: what was answered a moment ago does not hold any more.
        make_wheel(wheels, name="own-thing", version="2.0", files=files | {"own_thing/y.py": ""})
        made.require("own-thing>=1")
        second = made.run(WHEEL)
        assert second.status == 0, second.stderr
        assert second.stdout != first.stdout
