"""Variables of the environment that settings lack when the program that runs collectstatic loads them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import grocker.python

PROGRAM = Path(grocker.python.__file__).with_name("_collect_static.py").read_text("utf-8")


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> object:
    """The program's function; it is never imported."""
    for name in ("SHOP_KEY", "SHOP_PORT", "SHOP_DB_ENGINE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    names: dict[str, object] = {}
    exec(PROGRAM.removesuffix("main()\n"), names)
    return names["load"]


@pytest.mark.parametrize(
    "said",
    [
        "Set the {} environment variable",
        "{} not found. Declare it as envvar or define a default value.",
        'Environment variable "{}" not set',
        "{} must be set",
        "1 validation error for Settings\n{}\n  Field required [type=missing]",
        "missing required environment variable {}",
    ],
)
@pytest.mark.parametrize(
    ("name", "value"), [("SHOP_PORT", "0"), ("SHOP_DB_ENGINE", "django.db.backends.sqlite3"), ("SHOP_KEY", None)]
)
def test_variable_gets_a_harmless_value_when_settings_say_that_they_lack_it(
    load: object, said: str, name: str, value: str | None
) -> None:
    def read() -> None:
        if name not in os.environ:
            raise ValueError(said.format(name))

    assert callable(load)
    load(read)
    assert value is None or os.environ[name] == value


def test_every_variable_gets_a_value_when_settings_lack_several(load: object) -> None:
    assert callable(load)
    load(lambda: (os.environ["SHOP_KEY"], int(os.environ["SHOP_PORT"])))
    assert len(os.environ["SHOP_KEY"]) > 50


@pytest.mark.parametrize("said", ["The SHOP_KEY setting is odd", "no module named X"])
def test_error_is_raised_when_no_variable_is_lacking(load: object, said: str) -> None:
    def read() -> None:
        raise ValueError(said)

    assert callable(load)
    with pytest.raises(ValueError, match=said):
        load(read)


def test_error_is_raised_when_the_value_does_not_help(load: object) -> None:
    assert callable(load)
    with pytest.raises(KeyError, match="SHOP_KEY"):
        load(lambda: dict[str, str]()["SHOP_KEY"])
