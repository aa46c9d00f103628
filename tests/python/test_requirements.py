"""Requirements and markers, evaluated for the target."""

from __future__ import annotations

import pytest

from grocker.errors import SettingsError
from grocker.python import WheelTarget, active_requirements

TARGET = WheelTarget("3.13", "amd64", (2, 41))


def test_active_requirements_keeps_what_holds_for_target_and_extras() -> None:
    requirements = (
        "always>=1",
        'windows; sys_platform == "win32"',
        'arm; platform_machine == "aarch64"',
        'old; python_version < "3.13"',
        'postgres[binary]; extra == "db"',
        'dev; extra == "dev"',
    )
    assert active_requirements("app", requirements, ["DB"], TARGET) == ("always>=1", "postgres[binary]")
    assert active_requirements("app", requirements, [], WheelTarget("3.12", "arm64")) == ("always>=1", "arm", "old")


def test_active_requirements_takes_the_extras_that_an_extra_names_of_its_own_project() -> None:
    requirements = (
        'six; extra == "one"',
        'attrs; extra == "two"',
        'App_X[one]; extra == "most"',
        'app.x[most, two]; extra == "all"',
        'app-x[all]; extra == "all"',
    )
    assert active_requirements("app-x", requirements, ["all"], TARGET) == ("attrs", "six")
    assert active_requirements("app-x", requirements, ["most"], TARGET) == ("six",)


def test_active_requirements_refuses_a_marker_that_compares_what_cannot_be_compared() -> None:
    with pytest.raises(SettingsError, match="invalid marker in"):
        active_requirements("app", ['six; sys_platform ~= "linux"'], [], TARGET)
