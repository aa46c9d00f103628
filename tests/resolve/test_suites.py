"""The first suite whose Python has all wheels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.config.settings import DebianSettings, Settings
from grocker.context import Context
from grocker.errors import CorruptError, MissingError, SettingsError, UnavailableError
from grocker.inputs.index import find_uv
from grocker.inputs.request import Request
from grocker.progress import Silent
from grocker.python.uv import NoWheelError
from grocker.resolve.suites import Attempt, UnfitPythonError, resolve_suites
from tests.support.phases import opened_world, request
from tests.support.world import World

pytestmark = pytest.mark.slow


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, Context, Silent]]:
    progress = Silent()
    with opened_world(tmp_path / "world", monkeypatch, progress=progress) as (made, context):
        yield made, context, progress


def only(*suites: str) -> object:
    """What resolves for these suites alone."""

    def resolve_attempt(attempt: Attempt) -> str:
        [name] = {target.standalone or target.suite.name for target in attempt.targets}
        if name not in suites:
            raise NoWheelError(f"alpha 1.0: no wheel for {name}")
        return name

    return resolve_attempt


def found(context: Context, wanted: Request, settings: Settings, attempt: object) -> str:
    uv = find_uv(context, settings)
    return resolve_suites(context, wanted, settings, uv, attempt)  # type: ignore[arg-type]


def test_next_suite_is_taken_and_told_when_the_first_lacks_a_wheel(opened: tuple[World, Context, Silent]) -> None:
    made, context, progress = opened
    assert found(context, request(made, made.wheel), Settings(), only("bookworm")) == "bookworm"
    assert [text for text, _ in progress.warnings] == [
        "alpha 1.0: no wheel for trixie; building with Python 3.11 (bookworm) instead"
    ]


def test_best_suite_is_tried_again_without_alternatives_when_none_has_all(
    opened: tuple[World, Context, Silent],
) -> None:
    made, context, progress = opened
    tried = []

    def attempt(one: Attempt) -> str:
        [target] = one.targets
        tried.append((target.python, target.suite.name, one.has_alternatives))
        if one.has_alternatives:
            raise NoWheelError("alpha 1.0: no wheel")
        return "pure"

    assert found(context, request(made, made.wheel), Settings(), attempt) == "pure"
    assert tried == [
        ("3.13", "trixie", True),
        ("3.11", "bookworm", True),
        ("3.12", "trixie", True),
        ("3.10", "trixie", True),
        ("3.9", "trixie", True),
        ("3.13", "trixie", False),
    ]
    assert progress.warnings == []


def test_modules_of_debian_packages_exclude_standalone_pythons(opened: tuple[World, Context, Silent]) -> None:
    made, context, _ = opened
    sees = DebianSettings(python_packages=True)
    with pytest.raises(NoWheelError):
        found(context, request(made, made.wheel), Settings(debian=sees), only("3.12.16", "3.10.22"))
    with pytest.raises(SettingsError) as raised:
        found(context, request(made, made.wheel), Settings(python="3.12", debian=sees), only("3.12.16"))
    assert raised.value.message == (
        "[tool.grocker] python: Debian has no Python 3.12, and debian.python-packages excludes standalone Pythons"
    )
    assert str(raised.value.hint).startswith("change debian.python-packages, or choose a Python from Debian: 3.13 ")


def test_nothing_is_told_when_the_first_suite_has_all(opened: tuple[World, Context, Silent]) -> None:
    made, context, progress = opened
    assert found(context, request(made, made.wheel), Settings(), only("trixie", "bookworm")) == "trixie"
    assert progress.warnings == []


def test_error_is_that_of_the_best_suite_when_none_has_all(opened: tuple[World, Context, Silent]) -> None:
    made, context, _ = opened
    with pytest.raises(MissingError, match="no wheel for trixie"):
        found(context, request(made, made.wheel), Settings(), only())


def test_suite_that_is_named_is_the_only_one(opened: tuple[World, Context, Silent]) -> None:
    made, context, _ = opened
    wanted = request(made, made.wheel)
    with pytest.raises(NoWheelError):
        found(context, replace(wanted, suite="trixie"), Settings(), only("bookworm"))
    with pytest.raises(NoWheelError):
        found(context, wanted, Settings(debian=DebianSettings(suite="trixie")), only("bookworm"))


def test_standalone_python_is_taken_when_only_it_has_all_wheels(opened: tuple[World, Context, Silent]) -> None:
    made, context, progress = opened
    chosen = found(context, request(made, made.wheel), Settings(), starts("3.12."))
    assert chosen.startswith("3.12.")
    assert [text for text, _ in progress.warnings] == [
        "alpha 1.0: no wheel for trixie; building with Python 3.12 (standalone) instead"
    ]


def starts(series: str) -> object:
    """What resolves for a standalone Python of that series alone."""

    def resolve_attempt(attempt: Attempt) -> str:
        [target] = attempt.targets
        if not target.standalone.startswith(series):
            raise NoWheelError(f"alpha 1.0: no wheel for {target.suite.name}")
        return target.standalone

    return resolve_attempt


def test_best_suite_compiles_when_the_standalone_python_with_wheels_cannot_be_fetched(
    opened: tuple[World, Context, Silent],
) -> None:
    made, context, progress = opened

    def attempt(one: Attempt) -> str:
        [target] = one.targets
        if target.standalone:
            raise UnavailableError("fetching Python 3.12.16: dns error", hint="set UV_PYTHON_INSTALL_MIRROR")
        if one.has_alternatives:
            raise NoWheelError("alpha 1.0: no wheel")
        return target.python

    assert found(context, request(made, made.wheel), Settings(), attempt) == "3.13"
    [(text, hint)] = progress.warnings
    assert text == "Python 3.12 (standalone) would fit, but cannot be used: fetching Python 3.12.16: dns error"
    assert hint == "set UV_PYTHON_INSTALL_MIRROR"


def test_suite_counts_on_which_the_missing_wheels_compile(opened: tuple[World, Context, Silent]) -> None:
    made, context, progress = opened

    def attempt(one: Attempt) -> str:
        [target] = one.targets
        if one.has_alternatives:
            raise NoWheelError("alpha 1.0: no wheel")
        if target.suite.name == "trixie":
            raise CorruptError("building alpha 1.0 from its sdist: its build back end failed:\n    error: Py_TYPE")
        return "compiled"

    assert found(context, request(made, made.wheel), Settings(), attempt) == "compiled"
    assert [text for text, _ in progress.warnings] == [
        "building alpha 1.0 from its sdist: its build back end failed; building with Python 3.11 (bookworm) instead"
    ]


def test_error_of_another_suite_does_not_hide_that_the_best_one_compiles(
    opened: tuple[World, Context, Silent],
) -> None:
    made, context, progress = opened

    def attempt(one: Attempt) -> str:
        if one.targets[0].python != "3.13":
            raise SettingsError("resolving dependencies: no solution")
        if one.has_alternatives:
            raise NoWheelError("uwsgi 2.0: no wheel")
        return "compiled"

    assert found(context, request(made, made.wheel), Settings(), attempt) == "compiled"
    assert progress.warnings == []


def test_error_that_no_other_python_mends_is_raised_at_once(opened: tuple[World, Context, Silent]) -> None:
    made, context, _ = opened
    tried = []

    def attempt(one: Attempt) -> str:
        tried.append(one.targets[0].suite.name)
        raise SettingsError("resolving dependencies: no solution")

    with pytest.raises(SettingsError):
        found(context, request(made, made.wheel), Settings(), attempt)
    assert tried == ["trixie"]


def lost(attempt: Attempt, *pythons: str) -> None:
    """Refuse these Pythons, as long as another one may do."""
    [target] = attempt.targets
    if attempt.refuses_removed and target.python in pythons:
        raise UnfitPythonError(f"app.py imports cgi, which Python {target.python} no longer has")


def test_next_suite_is_taken_and_told_when_the_first_has_lost_a_module(
    opened: tuple[World, Context, Silent],
) -> None:
    made, context, progress = opened

    def attempt(one: Attempt) -> tuple[str, str]:
        lost(one, "3.13")
        return one.targets[0].python, one.why

    why = "app.py imports cgi, which Python 3.13 no longer has"
    assert found(context, request(made, made.wheel), Settings(), attempt) == ("3.11", why)  # type: ignore[comparison-overlap]
    assert [text for text, _ in progress.warnings] == [f"{why}; building with Python 3.11 (bookworm) instead"]


def test_suite_compiles_that_has_the_module_when_no_python_has_all_wheels(
    opened: tuple[World, Context, Silent],
) -> None:
    made, context, _ = opened

    def attempt(one: Attempt) -> str:
        lost(one, "3.13")
        if one.has_alternatives:
            raise NoWheelError("alpha 1.0: no wheel")
        return one.targets[0].python

    assert found(context, request(made, made.wheel), Settings(), attempt) == "3.11"


def test_best_suite_counts_when_those_with_the_module_cannot_be_used(opened: tuple[World, Context, Silent]) -> None:
    made, context, progress = opened

    def attempt(one: Attempt) -> str:
        lost(one, "3.13", "3.12")
        if one.targets[0].python != "3.13":
            raise NoWheelError("alpha 1.0: no wheel")
        return one.targets[0].python

    assert found(context, request(made, made.wheel), Settings(), attempt) == "3.13"
    assert progress.warnings == []


def test_suite_is_not_refused_when_something_asks_for_it(opened: tuple[World, Context, Silent]) -> None:
    made, context, _ = opened

    def attempt(one: Attempt) -> str:
        lost(one, "3.13")
        return one.targets[0].python

    settings = Settings(debian=DebianSettings(suite="trixie"))
    assert found(context, request(made, made.wheel), settings, attempt) == "3.13"


@pytest.mark.parametrize(("pin", "python"), [("3.12", "3.13"), ("3.10", "3.11")])
def test_debians_nearest_python_is_used_when_the_one_of_a_file_cannot_be_fetched(
    opened: tuple[World, Context, Silent], tmp_path: Path, pin: str, python: str
) -> None:
    made, context, progress = opened
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/.python-version").write_text(pin)
    (tmp_path / "shop/pyproject.toml").write_text('[project]\nname = "shop"\nrequires-python = ">=3.9"\n')
    nowhere = {"UV_PYTHON_INSTALL_MIRROR": "http://127.0.0.1:9/", "UV_HTTP_RETRIES": "0"}
    context = replace(context, environ={**context.environ, **nowhere})
    wanted = request(made, tmp_path / "shop")
    assert found(context, wanted, Settings(), lambda one: one.targets[0].python) == python
    [(text, hint)] = progress.warnings
    assert text.startswith(f".python-version asks for Python {pin}, which no Debian suite has; fetching ")
    assert f": cannot reach 127.0.0.1; using Python {python} (" in text
    assert hint is not None and "UV_PYTHON_INSTALL_MIRROR" in hint
    assert found(context, wanted, Settings(), lambda one: one.targets[0].python) == python
    assert progress.warnings == [(text, hint)] * 2
    with pytest.raises(UnavailableError):
        found(context, replace(wanted, strict=True), Settings(), lambda one: one.targets[0].python)
