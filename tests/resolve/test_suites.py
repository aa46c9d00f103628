"""The first suite whose Python has all wheels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.config.settings import DebianSettings, Settings
from grocker.context import Context
from grocker.errors import CorruptError, MissingError, SettingsError
from grocker.inputs.request import Request
from grocker.platforms.target import Target
from grocker.progress import Silent
from grocker.python.uv import NoWheelError
from grocker.resolve.suites import resolve_suites
from tests.support.phases import opened_world, request
from tests.support.world import World


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, Context, Silent]]:
    progress = Silent()
    with opened_world(tmp_path / "world", monkeypatch, progress=progress) as (made, context):
        yield made, context, progress


def only(*suites: str) -> object:
    """What resolves for these suites alone."""

    def resolve_targets(targets: tuple[Target, ...], has_alternatives: bool) -> str:
        [name] = {target.suite.name for target in targets}
        if name not in suites:
            raise NoWheelError(f"alpha 1.0: no wheel for {name}")
        return name

    return resolve_targets


def found(context: Context, wanted: Request, settings: Settings, attempt: object) -> str:
    return resolve_suites(context, wanted, settings, attempt)  # type: ignore[arg-type]


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

    def attempt(targets: tuple[Target, ...], has_alternatives: bool) -> str:
        tried.append((targets[0].suite.name, has_alternatives))
        if has_alternatives:
            raise NoWheelError("alpha 1.0: no wheel")
        return "pure"

    assert found(context, request(made, made.wheel), Settings(), attempt) == "pure"
    assert tried == [("trixie", True), ("bookworm", True), ("trixie", False)]
    assert progress.warnings == []


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


def test_suite_counts_on_which_the_missing_wheels_compile(opened: tuple[World, Context, Silent]) -> None:
    made, context, progress = opened

    def attempt(targets: tuple[Target, ...], has_alternatives: bool) -> str:
        if has_alternatives:
            raise NoWheelError("alpha 1.0: no wheel")
        if targets[0].suite.name == "trixie":
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

    def attempt(targets: tuple[Target, ...], has_alternatives: bool) -> str:
        if targets[0].suite.name != "trixie":
            raise SettingsError("resolving dependencies: no solution")
        if has_alternatives:
            raise NoWheelError("uwsgi 2.0: no wheel")
        return "compiled"

    assert found(context, request(made, made.wheel), Settings(), attempt) == "compiled"
    assert progress.warnings == []


def test_error_that_no_other_python_mends_is_raised_at_once(opened: tuple[World, Context, Silent]) -> None:
    made, context, _ = opened
    tried = []

    def attempt(targets: tuple[Target, ...], has_alternatives: bool) -> str:
        tried.append(targets[0].suite.name)
        raise SettingsError("resolving dependencies: no solution")

    with pytest.raises(SettingsError):
        found(context, request(made, made.wheel), Settings(), attempt)
    assert tried == ["trixie"]
