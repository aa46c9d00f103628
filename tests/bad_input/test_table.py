"""Bad input: the table of ``cases.py``, against the real command line."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.errors import GrockerError
from tests.bad_input.case import WHEEL, Case
from tests.bad_input.cases import CASES
from tests.bad_input.page import PAGE, exit_statuses
from tests.support.world import World, world

SMALL = 32 << 20
"""bytes of a small disk"""
FREE = 48 << 10
"""bytes of it that are free: less than any image needs"""


@pytest.fixture
def made_up(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path / "world") as made:
        yield made


@pytest.fixture
def small_disk(request: pytest.FixtureRequest, made_up: World) -> Iterator[None]:
    """The case's ``mount`` is a file system of 32 MB that is nearly full."""
    case: Case = request.node.callspec.params["case"]
    if not case.mount:
        yield
        return
    place = made_up.place / case.mount
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"this root may not mount: {mounted.stderr.strip()}")
    try:
        (place / "ballast").write_bytes(bytes(SMALL - FREE))
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def _marks(case: Case) -> list[pytest.MarkDecorator]:
    if case.mount:
        return [pytest.mark.e2e, pytest.mark.root]
    return [] if case.is_quick else [pytest.mark.slow]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=_marks(case)) for case in CASES])
@pytest.mark.usefixtures("small_disk")
def test_bad_input_is_refused_with_words_and_leaves_nothing(case: Case, made_up: World) -> None:
    for program in case.needs:
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    if case.warm:
        assert made_up.run(WHEEL).status == 0
    case.arrange(made_up)
    made_up.allowed = case.allowed
    made_up.names["DISK"] = str(made_up.place / "disk")
    outcome = made_up.run(case.arguments)
    said = f"{outcome.stdout}\n{outcome.stderr}"
    assert outcome.status == case.status, said
    for word in case.words:
        assert word.replace("REGISTRY", made_up.registry.host) in outcome.message, said
    for word in case.hint:
        assert word in outcome.hint, said
    assert outcome.stdout == ""
    assert "Traceback" not in said
    assert "secret" not in said
    assert made_up.left() == []
    if case.mount:
        assert [path.name for path in (made_up.place / case.mount).rglob("*") if path.suffix in (".tar", ".tmp")] == []


@pytest.mark.slow
def test_good_input_is_built_in_the_same_world(made_up: World) -> None:
    """Nothing but what a case does to it is wrong with the world."""
    made_up.allowed = ("out",)
    outcome = made_up.run([*WHEEL[:-1], "oci:OUT"])
    assert (outcome.status, outcome.message) == (0, ""), outcome.stderr
    assert made_up.left() == []


def test_every_status_has_a_case() -> None:
    statuses = {kind.status for kind in GrockerError.__subclasses__() if kind.__module__ == "grocker.errors"}
    assert {case.status for case in CASES} == statuses - {70}
    assert len({case.name for case in CASES}) == len(CASES)


def test_page_of_exit_statuses_is_made_from_the_table_as_it_is() -> None:
    assert PAGE.read_text("utf-8") == exit_statuses(), "run: python -m tests.bad_input.page"
