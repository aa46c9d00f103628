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


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("pytz (>dev)", "pytz>0.0.0.dev0"),
        ("idna (>=2.0.*)", "idna>=2.0"),
        ("six(>=1.0,)", "six>=1.0"),
        ("six[a] >=1.0<2 ; sys_platform == 'linux'", "six[a]<2,>=1.0"),
    ],
)
def test_active_requirements_reads_old_forms(text: str, meant: str) -> None:
    assert active_requirements("app", [text], [], TARGET) == (meant,)


@pytest.mark.parametrize("text", ["pkg (>=what) ; extra == 'dev'", "x y z; os_name == 'nt'", "?; extra=='dev'"])
def test_active_requirements_passes_over_a_broken_one_that_does_not_apply(text: str) -> None:
    assert active_requirements("app", [text, "six"], [], TARGET) == ("six",)


@pytest.mark.parametrize("text", ["pkg (>=what)", "x y z", "?; nonsense"])
def test_active_requirements_names_the_release_whose_requirement_is_broken(text: str) -> None:
    with pytest.raises(SettingsError, match="the metadata of app has an invalid requirement") as caught:
        active_requirements("app", [text], [], TARGET)
    assert "another release of app" in str(caught.value.hint)
