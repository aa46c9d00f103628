"""What an application depends on, as the builder asks for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.wheels import make_wheel
from tests.support.world import world

pytestmark = pytest.mark.slow


def test_application_is_not_installed_beside_itself_when_a_dependency_depends_on_it(tmp_path: Path) -> None:
    with world(tmp_path / "world") as made:
        made.require("plugin")
        wheels = made.place / "wheels"
        made.environ["UV_FIND_LINKS"] = str(wheels)
        make_wheel(wheels, name="plugin", requires=["demo"])
        make_wheel(wheels, name="demo", version="0.9")
        planned = made.run(("plan", "WHEEL", "--config", "CONFIG", "--json"))
        assert planned.status == 0, planned.stderr
        [platform] = json.loads(planned.stdout)["platforms"]
        assert (platform["name"], platform["version"]) == ("demo", "1.0")
        assert [package["name"] for package in platform["python_packages"]] == ["plugin"]
